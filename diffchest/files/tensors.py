"""Tensors in files: reading what others wrote, while nothing in it is executed, and copying it into a network."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from diffchest.errors import DataError


def read_plain(path: Path, *, expected: str, allowed: Sequence[Any] = ()) -> Any:
    """What a file of `torch.save` holds, tensors on the CPU; of a `.safetensors` file, its tensors by name.

    `expected` says in messages what file to give. `allowed`: classes, besides tensors and plain containers, that may
    occur, in the form of `torch.serialization.safe_globals`. Raises `DataError` when the path is no file, the file is
    damaged, or it holds objects of other classes: these could run code and are not loaded.
    """
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "no such file"
        raise DataError(f"{path}: {found}; give {expected}")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise DataError(f"{path}: not a whole safetensors file ({error}); download it again") from None
    try:
        with safe_globals(list(allowed)):
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
    return loaded


def load_tensors(
    model: nn.Module, tensors: dict[str, Tensor], *, source: Path, name_in_file: Callable[[str], str] = str
) -> None:
    """Copy `tensors` of the file `source` into `model`; a tensor `name` of it is called `name_in_file(name)` there.

    Raises `DataError` as `check_tensors` does.
    """
    state = model.state_dict()
    check_tensors({name_in_file(name): tuple(tensor.shape) for name, tensor in state.items()}, tensors, source=source)
    model.load_state_dict({name: tensors[name_in_file(name)] for name in state})


def check_tensors(expected: dict[str, tuple[int, ...]], tensors: dict[str, Tensor], *, source: Path) -> None:
    """Raise `DataError` listing every missing, extra or misshapen tensor of the file `source`, if there are any."""
    problems = [f"missing {name} {shape}" for name, shape in expected.items() if name not in tensors]
    problems += [f"unexpected {name}" for name in tensors if name not in expected]
    problems += [
        f"{name} is {tuple(tensor.shape)}, expected {expected[name]}"
        for name, tensor in tensors.items()
        if name in expected and tuple(tensor.shape) != expected[name]
    ]
    if problems:
        raise DataError(f"{source}: {len(problems)} tensor(s) do not fit the network:\n  " + "\n  ".join(problems))
