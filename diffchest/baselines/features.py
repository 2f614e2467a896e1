"""Another encoder's features, such as RAD-DINO's, from a file: any `[N, d]` array with image ids."""

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from diffchest.contracts.scores import check_image_ids, check_numbers, read_image_table
from diffchest.errors import DataError
from diffchest.files.cells import ids


def read_features(path: Path) -> pd.DataFrame:
    """Features of images: index image_id, d float32 columns.

    From `.npz` with the arrays `image_id` [N] and `features` [N, d], or from a CSV or Parquet table with `image_id` and
    d columns. Raises `DataError` for a missing or damaged file, arrays that do not belong together, an image with two
    rows, and a feature that is NaN or infinite.
    """
    frame = _read_arrays(path) if path.suffix.lower() == ".npz" else read_image_table(path)
    check_image_ids(frame.index, source=path)
    check_numbers(frame, source=path)
    with np.errstate(over="ignore"):
        single = frame.astype(np.float32)
    check_numbers(single, source=path)  # what is too large for float32 is infinite now
    return single


def _read_arrays(path: Path) -> pd.DataFrame:
    try:
        with np.load(path) as file:
            image_ids, features = file["image_id"].astype(str), file["features"]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; correct the path") from None
    except KeyError:
        raise DataError(f"{path}: expected the arrays `image_id` and `features`; save them with `np.savez`") from None
    except (BadZipFile, ValueError, TypeError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path}: not a whole npz file of plain arrays ({error})") from None
    if image_ids.ndim != 1 or features.ndim != 2 or len(image_ids) != len(features) or features.dtype.kind not in "fiu":
        raise DataError(
            f"{path}: image_id is {image_ids.shape}, features {features.shape} of {features.dtype}; expected [N] and "
            "numbers [N, d]"
        )
    return pd.DataFrame(features, index=pd.Index(ids(pd.Series(image_ids, dtype=str)), name="image_id"))
