"""A program of torch (TorchScript, `torch.export`), loaded only where the descriptor says that it is trusted."""

import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from diffchest.classifiers.described import Described
from diffchest.classifiers.preprocess import network_input
from diffchest.classifiers.scored import Score
from diffchest.errors import DataError

ONNX = "better, export it as ONNX, which runs no code: torch.onnx.export(model, pictures, 'model.onnx')"


def torch_scores(path: Path, described: Described, *, trusted: bool) -> Score:
    """Raw scores [N, M] by a program, on the CPU.

    Loading a program can run code that its file brings. Nothing is read of a file that is not trusted but the names of
    its members. Weights alone, and pickled models, are no programs and are refused.
    """
    kind = program_kind(path)
    if not trusted:
        raise DataError(
            f"{path}: a program of torch ({kind}), which may run code when it is loaded. If you trust whoever made it, "
            f"set `trusted: true`; {ONNX}"
        )
    program = _load(path, kind)

    @torch.inference_mode()
    def score(pictures: np.ndarray) -> np.ndarray:
        if described.pixels is None:
            raise DataError("a network needs range, mean, sd, channels and layout in its descriptor")
        x = torch.from_numpy(network_input(pictures, described.picture, described.pixels))
        try:
            scores = program(x)
        except Exception as error:  # a program may raise anything
            reason = str(error).strip().split("\n")[-1][:300]
            raise DataError(
                f"{path}: cannot score pictures {list(x.shape)} ({reason}); check size, "
                "channels and layout, or export it with a dynamic batch"
            ) from None
        if not isinstance(scores, torch.Tensor):
            raise DataError(f"{path}: puts out a {type(scores).__name__}; export a model that returns scores alone")
        return scores.float().numpy()

    return score


def program_kind(path: Path) -> Literal["TorchScript", "torch.export"]:
    """Which program a file holds, by the names of its members; `DataError` for what is none."""
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "no such file"
        raise DataError(f"{path}: {found}; give a program of TorchScript or torch.export")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = [name.partition("/")[2] for name in archive.namelist()]
        if any(name.startswith("code/") for name in members):
            return "TorchScript"
        if "archive_format" in members or any(name.startswith("models/") for name in members):
            return "torch.export"
    raise DataError(
        f"{path}: no program of TorchScript or torch.export (weights alone, or a pickled model, which is never "
        f"loaded); build the model in your own code, and {ONNX}"
    )


def _load(path: Path, kind: str) -> Any:
    try:
        if kind == "TorchScript":
            return torch.jit.load(path, map_location="cpu").eval()
        return torch.export.load(path).module()
    except Exception as error:  # a damaged archive may raise anything
        reason = str(error).strip().split("\n")[0][:300]
        raise DataError(f"{path}: torch {torch.__version__} cannot load it ({reason}); export it again") from None
