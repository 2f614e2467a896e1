"""Readers' ratings: which columns they have, and reading them with every row checked.

Ratings are a long table: reader, image_id, diagnosis, kind (treatment | physiology), confounder, present (1 | 0).
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from diffchest.errors import DataError
from diffchest.files.cells import ids, no_id
from diffchest.files.foreign_tables import read_cells
from diffchest.files.id_spellings import check_ids
from diffchest.findings.spelling import check_spellings

KINDS = ("treatment", "physiology")
QUESTION = ["diagnosis", "kind", "confounder"]
RATING_COLUMNS = ["reader", "image_id", *QUESTION, "present"]


def read_ratings(path: Path | str, image_ids: Collection[str] | None = None) -> pd.DataFrame:
    """Read the ratings of real readers (`RATING_COLUMNS`; `present` as integers).

    Raises `DataError` naming the row (the header is row 1) for an empty cell or a word for none such as `nan`, an
    unknown kind, a `present` that is neither 0 nor 1, an image that is not one of `image_ids` (None: any will do), a
    rating given twice, and for one that is missing: every reader of a kind has to answer all of that kind's questions.
    Names of readers, diagnoses and confounders that differ by case or white space alone are refused, too.
    """
    path = Path(path)
    ratings = _read_cells(path)
    for column in RATING_COLUMNS:
        _refuse(path, ratings, column, no_id(ratings[column]), "a value")
    for column in ("reader", "diagnosis", "confounder"):
        counts = {str(name): int(rows) for name, rows in ratings[column].value_counts().items()}
        check_spellings(counts, where=f"{path}: column {column!r}", what="names")
    check_ids(ratings["reader"], where=f"{path}: column 'reader'", what="readers")
    if ratings.empty:
        raise DataError(f"{path}: a header and no ratings; give a row for each answer")
    _refuse(path, ratings, "kind", ~ratings["kind"].isin(KINDS), " or ".join(KINDS))
    _refuse(path, ratings, "present", ~ratings["present"].isin(["0", "1"]), "0 or 1")
    if image_ids is not None:
        unknown = ~ratings["image_id"].isin(set(image_ids))
        _refuse(path, ratings, "image_id", unknown, "an image_id of the manifest")
    twice = ratings.duplicated(RATING_COLUMNS[:-1])
    _refuse(path, ratings, "reader", twice, "one rating per reader, image and question, this one is a second")
    _check_complete(path, ratings)
    return ratings.astype({"present": int})


def by_reader(ratings: pd.DataFrame) -> pd.DataFrame:
    """Ratings with one row per radiograph and question (the index), and one column per reader."""
    return ratings.pivot(index=[*QUESTION, "image_id"], columns="reader", values="present")


def _read_cells(path: Path) -> pd.DataFrame:
    """The rows that are not blank, as text without blanks around it."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the csv with the readers' ratings (reader_study.ratings)")
    ratings = read_cells(path, RATING_COLUMNS)
    return ratings.apply(ids)


def _check_complete(path: Path, ratings: pd.DataFrame) -> None:
    for kind, of_kind in ratings.groupby("kind"):
        wide = by_reader(of_kind)
        gaps = np.argwhere(wide.isna().to_numpy())
        if len(gaps):
            item, reader = gaps[0]
            labels = dict(zip(wide.index.names, wide.index[item], strict=True))
            asked = (of_kind[list(labels)] == pd.Series(labels)).all(axis=1)
            raise DataError(
                f"{path}: {len(gaps)} {kind} rating(s) missing; the first: reader {wide.columns[reader]!r} did not "
                f"rate {labels['image_id']!r} for {labels['confounder']!r} ({labels['diagnosis']!r}), which row "
                f"{of_kind.index[asked][0] + 2} does; every reader must answer all questions of a kind"
            )


def _refuse(path: Path, ratings: pd.DataFrame, column: str, bad: pd.Series, expected: str) -> None:
    if bad.any():
        row, found = next(iter(ratings.loc[bad, column].items()))
        raise DataError(
            f"{path}: row {int(str(row)) + 2}, column {column!r}: expected {expected}, found {found!r} "
            f"({int(bad.sum())} such row(s)); correct the file"
        )
