"""Score files: what a model says of each test radiograph, in one form for every model."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from diffchest.errors import DataError
from diffchest.progress import notice


def write_scores(path: Path, scores: np.ndarray, *, model: str, image_ids: Sequence[str], findings: list[str]) -> None:
    """Write `scores` [N, F], any scale, as Parquet: image_id, model, one float32 column per finding.

    Findings whose scores are all NaN (the model has none) are left out.
    """
    frame = pd.DataFrame(scores.astype(np.float32), columns=findings).dropna(axis=1, how="all")
    frame.insert(0, "image_id", list(image_ids))
    frame.insert(1, "model", model)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, index=False)


def read_scores(path: Path, image_ids: Sequence[str]) -> pd.DataFrame:
    """Scores of `image_ids`, in that order: index image_id, one column per finding, from Parquet or CSV.

    Scores may have any scale. Images that are not asked for are left out with a notice. Raises `DataError` for a
    missing file, duplicated or unmatched image ids (how many, and the first), or a score that is NaN or infinite.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such score file; run `dvc repro`, or correct the path")
    read = partial(pd.read_csv, dtype={"image_id": str}) if path.suffix.lower() == ".csv" else pd.read_parquet
    try:
        frame = read(path)
    except (ValueError, OSError) as error:  # pyarrow's and pandas' errors are ValueErrors
        raise DataError(f"{path}: neither a CSV (.csv) nor a Parquet file ({error}); correct the file") from None
    if "image_id" not in frame:
        raise DataError(f"{path}: no column `image_id` (found {list(frame.columns)[:5]})")
    frame = frame.drop(columns="model", errors="ignore").set_index("image_id")
    repeated = frame.index[frame.index.duplicated()]
    if len(repeated):
        raise DataError(f"{path}: {len(repeated)} duplicated image ids, such as {_some(repeated)}; keep one row each")
    missing = pd.Index(image_ids).difference(frame.index)
    if len(missing):
        raise DataError(
            f"{path}: no scores for {len(missing)} of {len(image_ids)} test images, such as {_some(missing)}; score "
            "every test image"
        )
    extra = frame.index.difference(pd.Index(image_ids))
    if len(extra):
        notice(f"{path}: {len(extra)} scored images are not in the test set, such as {_some(extra)}; left out")
    frame = frame.loc[list(image_ids)]
    text = [str(column) for column in frame.columns if not pd.api.types.is_numeric_dtype(frame[column])]
    if text:
        raise DataError(
            f"{path}: column {text[0]!r} holds {frame[text[0]].iloc[0]!r}; expected numbers in every column"
        )
    bad = ~np.isfinite(frame.to_numpy(dtype=np.float64))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"{path}: {int(bad.sum())} scores are NaN or infinite, the first is {frame.columns[column]!r} of "
            f"{frame.index[row]!r}"
        )
    return frame


def _some(ids: pd.Index, most: int = 3) -> str:
    return ", ".join(repr(name) for name in ids[:most])
