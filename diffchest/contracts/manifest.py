"""The manifest, one row per image: the contract that every later stage relies on.

Columns of a manifest:

image_id     `<dataset>/<native id>`, unique, at most 511 bytes (the longest key of the image store)
dataset      name of the cohort in `params.yaml`
patient_id   `<dataset>/<native id>`
study_id     native id, "" where the dataset has none
source       path inside the cohort's root; a zip member is `archive.zip::member.png`; "" (cohorts only): not present
view         PA | AP | AP_horizontal | ... | "" (not known)
sex          M | F | ""
age          years, NaN where not known
role         pretrain | finetune | test; in a cohort, before the split, `probe` too: finetune or test by patient
bits_stored  bits a 16-bit pixel uses; 0: not known
inverted     whether white means low values (MONOCHROME1)

A cohort has one more column, `origin`: the table its patients come from, so that cohorts sharing one are compared.
A list of rejected images has dataset, image_id, source, `reason` (the same words for all of a kind) and `detail`: row,
cell, where the image was looked for, and what is nearly it.
Until images are decoded there is another, `root`: the folder that `source` lies in, as params.yaml gives it.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from diffchest.errors import DataError
from diffchest.files.whole import whole

MANIFEST_COLUMNS = [
    "image_id",
    "dataset",
    "patient_id",
    "study_id",
    "source",
    "view",
    "sex",
    "age",
    "role",
    "bits_stored",
    "inverted",
]
COHORT_COLUMNS = [*MANIFEST_COLUMNS, "origin"]
TO_DECODE_COLUMNS = [*MANIFEST_COLUMNS, "root"]
REJECTED_COLUMNS = ["dataset", "image_id", "source", "reason", "detail"]
MANIFEST_ROLES = ("pretrain", "finetune", "test")
COHORT_ROLES = ("pretrain", "probe", "finetune", "test")
LONGEST_IMAGE_ID = 511


def check_manifest(
    frame: pd.DataFrame,
    *,
    name: str,
    roles: tuple[str, ...] = MANIFEST_ROLES,
    columns: Sequence[str] = MANIFEST_COLUMNS,
) -> None:
    """Raise `DataError` unless `frame` keeps the contract; the message names the first offending rows."""
    missing = [column for column in columns if column not in frame]
    if missing:
        raise DataError(f"{name}: columns {missing} are missing (found {list(frame.columns)}); run its stage again")
    prefix = frame["dataset"].astype(str) + "/"
    problems = {
        "image_id occurs twice": frame["image_id"].duplicated(keep=False),
        "image_id does not start with the dataset's name": ~_starts_with(frame["image_id"], prefix),
        "patient_id does not start with the dataset's name": ~_starts_with(frame["patient_id"], prefix),
        "patient_id is empty": frame["patient_id"].str.len() <= prefix.str.len(),
        f"image_id is longer than {LONGEST_IMAGE_ID} bytes": encoded_length(frame["image_id"]) > LONGEST_IMAGE_ID,
        f"role is not one of {', '.join(roles)}": ~frame["role"].isin(roles),
    }
    for problem, where in problems.items():
        if where.any():
            examples = frame.loc[where, ["image_id", "patient_id", "role"]].head(3).to_dict("records")
            raise DataError(f"{name}: {int(where.sum())} row(s) where {problem}, for example {examples}")
    if not frame["image_id"].is_monotonic_increasing:
        raise DataError(f"{name}: rows are not sorted by image_id; run its stage again")


def read_manifest(
    path: Path, *, roles: tuple[str, ...] = MANIFEST_ROLES, columns: Sequence[str] = MANIFEST_COLUMNS
) -> pd.DataFrame:
    """Read and check a manifest (or, with `COHORT_ROLES`, a cohort) written by `write_manifest`, with these `columns`.

    Raises `DataError` when the file is missing or breaks the contract.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; run `dvc repro` (or the stage that writes it)")
    frame = pd.read_parquet(path)
    check_manifest(frame, name=str(path), roles=roles, columns=columns)
    return frame


def write_manifest(path: Path, frame: pd.DataFrame, *, roles: tuple[str, ...] = MANIFEST_ROLES) -> None:
    """Check `frame` and write it as Parquet."""
    check_manifest(frame, name=str(path), roles=roles)
    with whole(path) as partial:
        frame.to_parquet(partial, index=False)


def _starts_with(values: pd.Series, prefixes: pd.Series) -> pd.Series:
    matches = [value.startswith(prefix) for value, prefix in zip(values, prefixes, strict=True)]
    return pd.Series(matches, index=values.index, dtype=bool)


def encoded_length(values: pd.Series) -> pd.Series:
    """Length in bytes of each text."""
    return pd.Series([len(value.encode()) for value in values], index=values.index, dtype=int)
