"""Reading the authors' files: their tensors by name, while nothing in a file is executed."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from diffchest.errors import DataError
from diffchest.files.tensors import holds, read_plain, renamed, tensors_by_name

# What Lightning writes beside the tensors, with plain stand-ins, since Lightning itself is not needed.
HARMLESS: list[Any] = [
    argparse.Namespace,
    (dict, "pytorch_lightning.utilities.parsing.AttributeDict"),  # `hyper_parameters`
    (object, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),  # a key of `callbacks`
]


@contextmanager
def read_tensors(path: Path) -> Iterator[dict[str, Tensor]]:
    """Give the tensors of a Lightning checkpoint's `state_dict`, or of a `.safetensors` file, see `tensors_by_name`.

    Raises `DataError` for a file that `read_plain` does not load, and for one without such tensors; one that the
    block raises says where names lack a prefix that they have in the file.
    """
    loaded = read_plain(path, expected="a checkpoint file of the authors (`last.ckpt`)", allowed=HARMLESS)
    held = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded
    tensors = tensors_by_name(held)
    if tensors is None:
        raise DataError(f"{path}: expected a Lightning checkpoint with tensors in `state_dict`, found {holds(loaded)}")
    with renamed(held, tensors):
        yield tensors
