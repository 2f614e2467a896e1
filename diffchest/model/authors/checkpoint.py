"""Reading the authors' files: their tensors by name, while nothing in a file is executed."""

import argparse
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from diffchest.errors import DataError

# What Lightning writes beside the tensors, with plain stand-ins, since Lightning itself is not needed.
HARMLESS: list[Any] = [
    argparse.Namespace,
    (dict, "pytorch_lightning.utilities.parsing.AttributeDict"),  # `hyper_parameters`
    (object, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),  # a key of `callbacks`
]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a Lightning checkpoint's `state_dict`, or of a `.safetensors` file, by name.

    Raises `DataError` when the path is no file, the file is damaged or no checkpoint, or it holds objects of classes
    other than tensors, plain containers and those of `HARMLESS`: these could run code and are not loaded.
    """
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "no such file"
        raise DataError(f"{path}: {found}; give a checkpoint file of the authors (`last.ckpt`)")
    if path.suffix != ".safetensors":
        return _read_lightning(path)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise DataError(f"{path}: not a whole safetensors file ({error}); download it again") from None


def _read_lightning(path: Path) -> dict[str, Tensor]:
    try:
        with safe_globals(HARMLESS):
            refused = get_unsafe_globals_in_checkpoint(path)
            loaded = None if refused else torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a damaged pickle may raise anything
        reason = str(error).split(". ")[0].split("\n")[0]
        raise DataError(
            f"{path}: not a whole checkpoint as `torch.save` writes it ({type(error).__name__}: {reason}); "
            "download it again"
        ) from None
    if refused:
        raise DataError(
            f"{path}: refused, since it holds objects of {', '.join(sorted(refused))}, which could run code; expected "
            "tensors and plain values. If you trust the file, save its `state_dict` with `safetensors.torch.save_file` "
            "and give that file"
        )
    state = loaded.get("state_dict") if isinstance(loaded, dict) else None
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        found = f"the keys {', '.join(map(str, loaded))}" if isinstance(loaded, dict) else type(loaded).__name__
        raise DataError(f"{path}: expected a Lightning checkpoint with tensors in `state_dict`, found {found}")
    return state
