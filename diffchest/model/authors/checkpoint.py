"""Reading the authors' files: their tensors by name, while nothing in a file is executed."""

import argparse
from pathlib import Path
from typing import Any

from torch import Tensor

from diffchest.errors import DataError
from diffchest.files.tensors import holds, read_plain, tensors_by_name

# What Lightning writes beside the tensors, with plain stand-ins, since Lightning itself is not needed.
HARMLESS: list[Any] = [
    argparse.Namespace,
    (dict, "pytorch_lightning.utilities.parsing.AttributeDict"),  # `hyper_parameters`
    (object, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),  # a key of `callbacks`
]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a Lightning checkpoint's `state_dict`, or of a `.safetensors` file, see `tensors_by_name`.

    Raises `DataError` for a file that `read_plain` does not load, and for one without such tensors.
    """
    loaded = read_plain(path, expected="a checkpoint file of the authors (`last.ckpt`)", allowed=HARMLESS)
    tensors = tensors_by_name(loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded)
    if tensors is None:
        raise DataError(f"{path}: expected a Lightning checkpoint with tensors in `state_dict`, found {holds(loaded)}")
    return tensors
