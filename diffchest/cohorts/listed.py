"""Findings that a table lists in one cell, such as `['normal', ' nodule']`, as columns of labels."""

import ast
import io
import tokenize

import numpy as np
import pandas as pd

from diffchest.errors import DataError


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
    if not isinstance(listed, ast.List | ast.Tuple | ast.Set):
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
