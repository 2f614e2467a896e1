"""Finding and reading the tables of a dataset, with errors that say what to do."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from diffchest.errors import DataError

UTF8 = ("utf-8", "utf8", "utf_8")
UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    pd.errors.ParserError,
    pd.errors.EmptyDataError,
    pa.ArrowInvalid,
)


def existing_root(root: str | Path) -> Path:
    """Return `root`; `DataError` when there is no such folder."""
    root = Path(root)
    if root.is_dir():
        return root
    what = "a file, not a folder" if root.exists() else "no such folder"
    message = f"{root}: {what}; set `cohorts.<dataset>.root` to where the dataset lies"
    if root.is_absolute():
        raise DataError(message)
    raise DataError(
        f"{message}. It is relative, so it was looked for in {Path.cwd()}. In a temporary copy of the project, as "
        "`dvc exp run --temp` and `--queue` make it, a relative root leads elsewhere: give an absolute path"
    )


def find_table(root: Path, pattern: str) -> Path:
    """The file that matches `pattern` (or `pattern` + `.gz`) in `root` or a folder directly below it.

    The first in path order where several match; `DataError` when none does.
    """
    found = find_optional(root, pattern)
    if found is None:
        raise DataError(f"{root / pattern}: no such table (also looked for {pattern}.gz and one folder down)")
    return found


def find_optional(root: Path, pattern: str) -> Path | None:
    """As `find_table`, but None when there is no such file."""
    for folder in ("", "*/"):
        found = sorted(path for end in ("", ".gz") for path in root.glob(f"{folder}{pattern}{end}"))
        if found:
            return found[0]
    return None


def read_text(path: Path, columns: Sequence[str], *, delimiter: str = ",", encoding: str = "utf-8") -> pd.DataFrame:
    """Read `columns` of a CSV (`.gz` too) or Parquet table as text, blank cells as "".

    Spaces around column names and a byte-order mark are ignored. Raises `DataError` when the file is missing or
    unreadable, or a column is missing.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such table")
    try:
        parquet = path.suffix == ".parquet"
        text: Any = {"sep": delimiter, "encoding": "utf-8-sig" if encoding.lower() in UTF8 else encoding}
        text["index_col"] = False  # not even where rows end in one delimiter more than the header
        header = pq.read_schema(path).names if parquet else list(pd.read_csv(path, nrows=0, **text).columns)
        native = {str(name).strip(): name for name in header}
        missing = [column for column in columns if column not in native]
        if missing:
            raise DataError(f"{path}: column(s) {missing} are missing; found {header}{_other_delimiter(header)}")
        wanted = [native[column] for column in columns]
        if parquet:
            table = pd.read_parquet(path, columns=wanted).apply(_as_text)
        else:
            table = pd.read_csv(path, usecols=wanted, dtype=str, keep_default_na=False, **text)[wanted]
        return table.set_axis(list(columns), axis=1)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not {encoding} text ({error}); set the cohort's `encoding`, say latin-1") from None
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read as a table ({error})") from None


def years(values: pd.Series) -> pd.Series:
    """Ages as float; NaN where blank, not a number or negative."""
    ages = pd.to_numeric(values, errors="coerce").astype(float)
    return ages.where(ages >= 0)


def sex_code(values: pd.Series) -> pd.Series:
    """`M` or `F` from `M`, `male`, `F`, `Female`, ...; "" for anything else."""
    lower = values.str.strip().str.lower()
    return lower.map({"m": "M", "male": "M", "f": "F", "female": "F"}).fillna("").astype(str)


def _other_delimiter(header: Sequence[str]) -> str:
    """A hint when all columns were read as one."""
    found = [mark for mark in (";", "\t", "|") if len(header) == 1 and mark in str(header[0])]
    return f"; set the cohort's `delimiter` to {found[0]!r}" if found else ""


def _as_text(column: pd.Series) -> pd.Series:
    """Text of one Parquet column; whole numbers that became float with blanks lose the `.0`; lists as Python's."""
    if any(isinstance(cell, list | np.ndarray) for cell in column):
        texts = ["" if cell is None else repr([*cell]) for cell in column]
        return pd.Series(texts, index=column.index, dtype=str)
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype(object).where(column.notna(), "").astype(str)
