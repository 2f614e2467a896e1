"""Label tables: written by `ingest` with the dataset's own codes, read with the user's policy for uncertain ones."""

import json
import math
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from diffchest.errors import DataError
from diffchest.files.whole import whole
from diffchest.params.base import Uncertain

UNCERTAIN = -1.0
COUNTS_AS: dict[str, float] = {"zeros": 0.0, "ones": 1.0, "ignore": math.nan}  # what an uncertain label may count as
BLANK = b"diffchest.blank_is_negative"
POLICY = b"diffchest.uncertain"
INDICATORS = b"diffchest.indicators"
CODES = {
    **dict.fromkeys(("1", "1.0", "true", "yes"), 1.0),
    **dict.fromkeys(("0", "0.0", "-0.0", "false", "no"), 0.0),
    **dict.fromkeys(("-1", "-1.0"), UNCERTAIN),
}
BLANKS = ("", "nan", "na", "none", "null")


def parse_codes(column: pd.Series, *, where: str) -> pd.Series:
    """Text cells to 1, 0, -1 (uncertain) or NaN (blank), float32.

    Raises `DataError` naming `where`, the row and the cell for anything else.
    """
    codes = {cell: _code(cell) for cell in column.unique()}
    unknown = [cell for cell, code in codes.items() if code is None]
    if unknown:
        row = int(str(column.index[(column == unknown[0]).to_numpy().argmax()])) + 2
        raise DataError(
            f"{where}: column {column.name!r}, row {row}: expected 1, 0, -1, true, false or blank, found {unknown[0]!r}"
        )
    return column.map(codes).astype("float32")


def write_labels(
    path: Path,
    labels: pd.DataFrame,
    *,
    blank_is_negative: bool,
    uncertain: Uncertain,
    indicators: Collection[str] = (),
) -> None:
    """Write `labels` (index image_id) with the dataset's own codes, and what their readers must know.

    That is what a blank and a -1 mean, and which labels are no findings but `indicators` of view, machine or site.
    """
    table = pa.Table.from_pandas(labels.rename_axis("image_id").reset_index(), preserve_index=False)
    meaning = {BLANK: str(blank_is_negative).lower().encode(), POLICY: uncertain.encode()}
    meaning[INDICATORS] = json.dumps(list(indicators)).encode()
    metadata = {**(table.schema.metadata or {}), **meaning}
    with whole(path) as partial:
        pq.write_table(table.replace_schema_metadata(metadata), partial)


def load_labels(path: Path, image_ids: Sequence[str], *, uncertain: Uncertain | None = None) -> pd.DataFrame:
    """Labels of `image_ids`, in that order: index image_id, one float32 column per finding, 1, 0, NaN (not assessed).

    A label of -1 counts as the cohort's section says (`cohorts.<dataset>.uncertain`, which the file holds), or as
    `uncertain` where a reader must be more cautious. A blank counts as 0 in datasets whose labels are mined from
    reports (CheXpert, MIMIC-CXR: not mentioned), as not assessed elsewhere. Raises `DataError` for an image without a
    row.
    """
    table = pq.read_table(_written(path))
    labels = table.to_pandas().set_index("image_id")
    missing = pd.Index(image_ids).difference(labels.index)
    if len(missing):
        raise DataError(f"{path}: no row for {len(missing)} of {len(image_ids)} images, for example {missing[0]!r}")
    labels = labels.loc[list(image_ids)]
    meaning = table.schema.metadata or {}
    if POLICY not in meaning:
        raise DataError(f"{path}: does not say what an uncertain label counts as; run `dvc repro ingest` again")
    if meaning.get(BLANK) == b"true":
        labels = labels.fillna(0.0)
    code = COUNTS_AS[uncertain or meaning[POLICY].decode()]
    return labels.mask(labels == UNCERTAIN, code).astype("float32")


def load_indicators(path: Path) -> frozenset[str]:
    """The labels of a table that are no findings: made of view, machine or site (`cohorts.<dataset>.indicators`)."""
    meaning = pq.read_schema(_written(path)).metadata or {}
    if INDICATORS not in meaning:
        raise DataError(f"{path}: does not say which labels are indicators; run `dvc repro ingest` again")
    return frozenset(json.loads(meaning[INDICATORS]))


def _written(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"{path}: no such label table; run `dvc repro` (or `python stages/ingest.py <dataset>`)")
    return path


def _code(cell: str) -> float | None:
    """The code that a cell spells, NaN for a blank, None for anything else."""
    text = cell.strip().lower()
    return math.nan if text in BLANKS else CODES.get(text)
