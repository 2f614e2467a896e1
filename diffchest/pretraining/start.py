"""Warm start: pretraining that begins with the weights of a file, `pretrain.start_from`, instead of drawn ones."""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from diffchest.errors import DataError
from diffchest.files.tensors import check_tensors, read_plain
from diffchest.pretraining.state import TrainingState

EXPECTED = "a `diffchest.safetensors` or a training checkpoint `runs/pretrain/<key>/<images shown>.pt`"
ANY_VALUE = {"dropout"}  # keys of `model` that change no weight's meaning
BLOCK = 1 << 24  # bytes hashed at a time


def start_key(start_from: str | None) -> str | None:
    """SHA-256 of the file's content, None for a start from drawn weights; `DataError` if it is no file."""
    if start_from is None:
        return None
    path, digest = Path(start_from), hashlib.sha256()
    if not path.is_file():
        raise DataError(f"{path}: pretrain.start_from: no such file; expected {EXPECTED}, or null")
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def start_from_file(state: TrainingState, path: Path) -> None:
    """Give the model and the average the weights of `path`, and the optimiser its moments if the file has them.

    A model file holds the average alone: both start from it. A training checkpoint has all three. Images shown, steps,
    loss scale and history begin at nothing. Raises `DataError`, naming what differs, for a file of another network.
    """
    expected = state.model.config
    saved = _read(path)
    _check_config(saved["config"], expected, path)
    for part, network in (("model", state.model), ("ema", state.ema)):
        shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        check_tensors(shapes, saved[part], source=path)
        network.load_state_dict(saved[part])
    if "optimizer" in saved:
        state.optimizer.load_state_dict(saved["optimizer"])


def _read(path: Path) -> dict[str, Any]:
    """`config`, `model`, `ema` and, of a training checkpoint, `optimizer`."""
    loaded = read_plain(path, expected=EXPECTED)
    if isinstance(loaded, dict) and {"config", "model", "ema", "optimizer"} <= set(loaded):
        return loaded
    try:
        with safe_open(path, "pt") as file:
            config = json.loads((file.metadata() or {})["diffchest"])
    except (SafetensorError, KeyError, ValueError):
        raise DataError(
            f"{path}: pretrain.start_from: expected {EXPECTED}, found neither; a checkpoint of the authors is made one "
            f"by `python -m diffchest.model.authors {path} --out external/authors`"
        ) from None
    weights: dict[str, Tensor] = loaded
    return {"config": config, "model": weights, "ema": weights}


def _check_config(found: dict[str, Any], expected: dict[str, Any], path: Path) -> None:
    ours, theirs = _flat(expected), _flat(found)
    differ = [
        f"{key} is {theirs.get(key)} there, {ours.get(key)} in params.yaml"
        for key in {**ours, **theirs}
        if ours.get(key) != theirs.get(key) and key.removeprefix("model.") not in ANY_VALUE
    ]
    if differ:
        raise DataError(
            f"{path}: pretrain.start_from holds another network:\n  "
            + "\n  ".join(differ)
            + "\nset these keys to the file's values, or pretrain.start_from to null"
        )


def _flat(section: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Values by dotted key, as `params.yaml` is spoken of."""
    flat: dict[str, Any] = {}
    for name, value in section.items():
        key = {"image_size": "images.size"}.get(name, before + name)
        flat |= _flat(value, f"{key}.") if isinstance(value, dict) else {key: value}
    return flat
