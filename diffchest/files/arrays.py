"""Arrays as one `.npz` file: written whole or not at all, read with errors that say which stage to run."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from diffchest.errors import DataError
from diffchest.files.whole import whole

DAMAGED = (BadZipFile, KeyError, ValueError, EOFError, zlib.error)  # what reading such a file may raise


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name, compressed; equal content gives equal bytes."""
    with whole(path) as partial:
        np.savez_compressed(partial, **arrays)  # type: ignore[arg-type]


def load_arrays(path: Path, *, stage: str) -> dict[str, np.ndarray]:
    """Read all arrays of a file that `stage` wrote; `DataError` when it is missing or damaged."""
    try:
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; run `dvc repro {stage}`") from None
    except DAMAGED as error:
        raise DataError(f"{path}: truncated or damaged ({error}); run `dvc repro -f -s {stage}`") from None
