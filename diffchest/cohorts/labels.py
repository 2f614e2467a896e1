"""Label tables: written by `ingest` with the dataset's own codes, read with the user's policy for uncertain ones."""

import ast
import io
import math
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from diffchest.errors import DataError

UNCERTAIN = -1.0
BLANK = b"diffchest.blank_is_negative"
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


def listed_names(cell: str, *, where: str) -> list[str]:
    """The names in a cell like `['normal', ' nodule']`: stripped, empty ones dropped, order kept.

    Raises `DataError` naming `where` and the cell when it is no list.
    """
    expected = f"{where}: expected a list of names like \"['normal', 'nodule']\", found {cell[:200]!r}"
    text = cell.strip()
    try:
        listed = ast.parse(text, mode="eval").body
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise DataError(expected) from None
    if not isinstance(listed, ast.List | ast.Tuple):
        raise DataError(expected)
    names = [_name(item, text) for item in listed.elts]
    if None in names:
        raise DataError(f"{expected}: not every name is in quotes, or a comma is missing")
    return [name for name in names if name]


def _name(item: ast.expr, text: str) -> str | None:
    """The name that one literal of the list `text` is, stripped; None where it is no name, or several."""
    if not isinstance(item, ast.Constant) or not isinstance(item.value, str) or _is_several(item, item.value, text):
        return None
    return item.value.strip()


def _is_several(item: ast.Constant, value: str, text: str) -> bool:
    """Whether a literal was put together from several, as Python does with 'a' 'b' (and NumPy prints lists)."""
    if item.end_col_offset == item.col_offset + len(value.encode()) + 2:
        return False  # one pair of quotes, nothing escaped
    source = ast.get_source_segment(text, item) or ""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return sum(token.type == tokenize.STRING for token in tokens) > 1


def indicator_table(cells: pd.Series, names: dict[str, list[str]]) -> pd.DataFrame:
    """One 0/1 float32 column per finding, sorted by name, for rows that each list their findings.

    `names` maps every distinct cell to its findings; a cell it lacks gives a row of NaN (not assessed).
    """
    findings = sorted({name for listed in names.values() for name in listed})
    column = {name: number for number, name in enumerate(findings)}
    matrix = np.zeros((len(names) + 1, len(findings)), dtype=np.float32)
    matrix[-1] = np.nan
    for row, listed in enumerate(names.values()):
        matrix[row, [column[name] for name in listed]] = 1.0
    position = {cell: row for row, cell in enumerate(names)}
    rows = cells.map(position).fillna(len(names)).astype(int).to_numpy()
    return pd.DataFrame(matrix[rows], index=cells.index, columns=pd.Index(findings))


def write_labels(path: Path, labels: pd.DataFrame, *, blank_is_negative: bool) -> None:
    """Write `labels` (index image_id) and what a blank means."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(labels.rename_axis("image_id").reset_index(), preserve_index=False)
    metadata = {**(table.schema.metadata or {}), BLANK: str(blank_is_negative).lower().encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def load_labels(
    path: Path, image_ids: Sequence[str], uncertain: Literal["zeros", "ones", "ignore"] = "zeros"
) -> pd.DataFrame:
    """Labels of `image_ids`, in that order: index image_id, one float32 column per finding, 1, 0, NaN (not assessed).

    `uncertain` says what a label of -1 counts as. A blank counts as 0 in datasets whose labels are mined from reports
    (CheXpert, MIMIC-CXR: not mentioned), as not assessed elsewhere. Raises `DataError` for an image without a row.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such label table; run `dvc repro` (or `python stages/ingest.py <dataset>`)")
    table = pq.read_table(path)
    labels = table.to_pandas().set_index("image_id")
    missing = pd.Index(image_ids).difference(labels.index)
    if len(missing):
        raise DataError(f"{path}: no row for {len(missing)} of {len(image_ids)} images, for example {missing[0]!r}")
    labels = labels.loc[list(image_ids)]
    if (table.schema.metadata or {}).get(BLANK) == b"true":
        labels = labels.fillna(0.0)
    code = {"zeros": 0.0, "ones": 1.0, "ignore": np.nan}[uncertain]
    return labels.mask(labels == UNCERTAIN, code).astype("float32")


def _code(cell: str) -> float | None:
    """The code that a cell spells, NaN for a blank, None for anything else."""
    text = cell.strip().lower()
    return math.nan if text in BLANKS else CODES.get(text)
