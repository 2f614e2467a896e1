"""Tables that somebody else wrote: one reader for CSV, TSV (gzip too) and Parquet, told by content, never coerced."""

import json
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from diffchest.errors import DataError
from diffchest.files.cells import INVISIBLE, ids, numbers
from diffchest.files.file_kinds import PARQUET, open_table
from diffchest.files.separated import CALLED, open_separated, other_delimiter, text_lines
from diffchest.progress import notice

NAMELESS = re.compile(  # what pandas and readr call a column without a name, and an index made a column
    r"(unnamed: ?[0-9]+(_level_[0-9]+)?(\.[0-9]+)?|__index_level_[0-9]+__|\.\.\.[0-9]+|index|level_0|row[._ ]?names)?",
    re.IGNORECASE,
)
TWIN = re.compile(r"(.*[^0-9.].*)\.[0-9]+")  # `goiter.1` is what pandas calls a second `goiter`
CELLS_AT_ONCE = 2_000_000


class MissingColumnsError(DataError):
    """A table lacks the columns `missing`."""

    def __init__(self, message: str, missing: list[str]) -> None:
        super().__init__(message)
        self.missing = missing


@dataclass(frozen=True)
class Form:
    """How a table was read, in words such as `cells separated by semicolons, utf-8`, and its columns that were not."""

    words: str
    unread: list[str]


def read_cells(
    path: Path,
    columns: Sequence[str] | None = None,
    *,
    keys: Collection[str] = (),
    delimiter: str | None = None,
    encoding: str = "utf-8",
    setting: str = "",
) -> pd.DataFrame:
    """Cells as text, blank ones as "", the names of columns without blanks around them.

    columns: those wanted, in that order; None: all but nameless ones and pandas's index, of which a notice tells.
    keys: names that are welcome even of an index. delimiter: of the cells; None: a comma, semicolon, tab or bar is
    found. encoding: of text without a byte-order mark. setting: whose settings `delimiter` and `encoding` are, such as
    "the cohort's"; "": nobody's. The index of the table is the number of the row as a spreadsheet shows it, less 2.

    Raises `DataError` for a missing file, one of another kind (a workbook, an archive, a web page), bytes that are no
    text, an open quotation mark, a row of another width than the header, and columns that are missing or there twice.
    """
    with _Opened(path, columns, keys, delimiter, encoding, setting) as table:
        table.tell_form()
        return _cells(path, table)


def read_with_form(
    path: Path, columns: Sequence[str], *, delimiter: str | None, encoding: str, setting: str
) -> tuple[pd.DataFrame, Form]:
    """As `read_cells`, and how the table was read, for the caller to tell."""
    with _Opened(path, columns, (), delimiter, encoding, setting) as table:
        return _cells(path, table), Form(table.form, [name for name in table.names if name not in table.chosen])


def _cells(path: Path, table: "_Opened") -> pd.DataFrame:
    if table.parquet is not None:
        found = table.parquet.read(columns=list(table.chosen.values()))
        cells = {name: _exact(path, native, found.column(native)) for name, native in table.chosen.items()}
        return pd.DataFrame(cells, columns=list(table.chosen), index=range(found.num_rows), dtype=str)
    rows = list(table.picked())
    index = pd.Index([number - 2 for number, _ in rows], dtype=np.int64)
    return pd.DataFrame([cells for _, cells in rows], columns=list(table.chosen), index=index, dtype=str)


def read_numbers(path: Path, key: str) -> pd.DataFrame:
    """A table with a row per `key`, which stays text (without blanks around it), and numbers in the other columns.

    Cells of text become float64, decimal commas are read; a column that holds anything else stays as it is, for the
    caller to refuse where it needs it. Columns and errors as in `read_cells`.
    """
    with _Opened(path, None, {key}, None, "utf-8", "") as table:
        table.tell_form()
        if key not in table.chosen:
            raise DataError(f"{path}: no column `{key}` (found {list(table.chosen)[:5]}){table.hint}")
        if table.parquet is not None:
            found = table.parquet.read(columns=list(table.chosen.values()))
            cells = {name: _plain(found.column(native)) for name, native in table.chosen.items() if name != key}
            names = pd.Series(_exact(path, key, found.column(table.chosen[key])), dtype=str)
            return pd.DataFrame({key: ids(names), **cells})
        parts = [_in_numbers(part, key) for part in table.parts()]
        return pd.concat(parts, ignore_index=True)


def read_lines(path: Path) -> list[str]:
    """A text of one cell a line, such as a list of images, without blanks around them; its first line is a cell, too.

    Raises `DataError` as `read_cells` does.
    """
    file, head = _open(path)
    with file:
        if head.startswith(PARQUET):
            raise DataError(f"{path}: a Parquet file, expected text with one name a line")
        return ids(pd.Series(list(text_lines(file, path)), dtype=str)).tolist()


class _Opened:
    """A table whose columns are chosen: `chosen` gives names to native ones, and none of its rows is read yet."""

    def __init__(
        self,
        path: Path,
        columns: Sequence[str] | None,
        keys: Collection[str],
        delimiter: str | None,
        encoding: str,
        setting: str,
    ) -> None:
        self.path, self.parquet, self.hint = path, None, ""
        self._file, head = _open(path)
        try:
            self._choose(head, columns, keys, delimiter, encoding, setting)
        except (pa.ArrowException, OSError) as error:
            self._file.close()
            raise DataError(f"{path}: cannot be read as a table ({_first_line(error)}); copy it again") from None
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "_Opened":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, *_: object) -> None:
        self._file.close()
        if isinstance(error, pa.ArrowException):
            raise DataError(f"{self.path}: cannot be read as a table ({_first_line(error)}); copy it again") from None

    def _choose(self, head: bytes, columns: Any, keys: Any, delimiter: Any, encoding: str, setting: str) -> None:
        index: list[str] = []
        self.form, self._told = "Parquet", False
        if head.startswith(PARQUET):
            self.parquet = pq.ParquetFile(self._file)
            header, index = list(self.parquet.schema_arrow.names), _pandas_index(self.parquet.schema_arrow)
            if any(NAMELESS.fullmatch(name) for name in index):
                self.hint = (
                    "; its pandas index has no name: if that is the column, write the table with "
                    f"`.rename_axis({(columns or list(keys) or ['image_id'])[0]!r}).reset_index()`"
                )
        else:
            options = {"delimiter": delimiter, "encoding": encoding, "setting": setting}
            self.text = open_separated(self._file, self.path, wanted={*(columns or ()), *keys}, **options)
            header = self.text.header
            if other := other_delimiter(header, self.text.delimiter):
                todo = f"set {setting} `delimiter` to {other!r}" if setting else f"separate its cells by {other!r}"
                self.hint = f"; one column that holds {CALLED[other]}: {todo}"
            self.form = f"cells separated by {CALLED.get(self.text.delimiter, 'a mark')}, {self.text.encoding}"
            self._told = self.text.delimiter != "," and delimiter is None
        self.names = names = [name.strip().strip(INVISIBLE).strip() for name in header]
        if columns is None:
            columns = self._columns_with_names(names, index, keys)
        missing = [name for name in columns if name not in names]
        if missing:
            message = f"{self.path}: column(s) {missing} are missing; found {header}{self.hint}"
            raise MissingColumnsError(message, missing)
        _check_once(names, columns, self.path)
        self._positions = [names.index(name) for name in columns]
        self.chosen = {name: header[place] for name, place in zip(columns, self._positions, strict=True)}

    def tell_form(self) -> None:
        """A notice where a separator other than the comma was found and not said."""
        if self._told:
            notice(f"{self.path}: {self.form.partition(',')[0].replace('cells', 'its cells are')}")

    def _columns_with_names(self, names: list[str], index: Collection[str], keys: Collection[str]) -> list[str]:
        """All but nameless columns and pandas's index; a notice names them."""
        left = [name for name in names if name not in keys and (NAMELESS.fullmatch(name) or name in index)]
        if left:
            shown = ", ".join(repr(name) for name in left[:5])
            notice(f"{self.path}: {len(left)} column(s) without a name of their own, or an index: {shown}; left out")
        return [name for name in names if name not in left]

    def picked(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Number of each row, and its cells in the columns chosen."""
        if len(self._positions) == 1:
            (place,) = self._positions
            return ((number, (row[place],)) for number, row in self.text.rows)
        pick = itemgetter(*self._positions)
        return ((number, pick(row)) for number, row in self.text.rows)

    def parts(self) -> Iterator[pd.DataFrame]:
        """The rows of a table of text in parts that memory bears, one at least."""
        most, rows, first = max(1, CELLS_AT_ONCE // max(1, len(self.chosen))), [], True
        for _, cells in self.picked():
            rows.append(cells)
            if len(rows) == most:
                yield pd.DataFrame(rows, columns=list(self.chosen), dtype=str)
                rows, first = [], False
        if rows or first:
            yield pd.DataFrame(rows, columns=list(self.chosen), dtype=str)


def _open(path: Path) -> tuple[IO[bytes], bytes]:
    if not path.is_file():
        raise DataError(f"{path}: no such table")
    try:
        return open_table(path)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as a table ({error})") from None


def _check_once(names: Sequence[str], columns: Sequence[str], path: Path) -> None:
    """`DataError` for a column of `columns` that is there twice, also as pandas writes such a one (`goiter.1`)."""
    wanted, times = set(columns), Counter(names)
    twice = [name for name in dict.fromkeys(names) if times[name] > 1 and name in wanted]
    if twice:
        named = ", ".join(f"{name!r} ({times[name]} times)" for name in twice[:10])
        raise DataError(
            f"{path}: expected each column once, found {named}; keep one of the duplicates, or rename the others"
        )
    for name in times:
        twin = TWIN.fullmatch(name)
        if twin and twin[1] in times and {name, twin[1]} & wanted:
            raise DataError(
                f"{path}: expected each column once, found {twin[1]!r} and {name!r}, which is what pandas calls a "
                "column that is there twice; keep one of them, or rename the other"
            )


def _pandas_index(schema: pa.Schema) -> list[str]:
    """Names of the columns that pandas saved an index as."""
    try:
        said = json.loads((schema.metadata or {}).get(b"pandas", b"{}")).get("index_columns", [])
    except (ValueError, AttributeError):
        return []
    return [name for name in said if isinstance(name, str)]


def _as_text(column: pa.ChunkedArray) -> list[str]:
    """Cells of a Parquet column as text; whole numbers that became float for a blank lose `.0`; lists as Python's."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_integer(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = column.cast(pa.string())
    if pa.types.is_floating(column.type):
        cells = column.to_pandas()
        if (cells.dropna() % 1 == 0).all():
            cells = cells.astype("Int64")
        return cells.astype(object).where(cells.notna(), "").astype(str).tolist()
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return ["" if cell is None else repr(cell) for cell in column.to_pylist()]
    return ["" if cell is None else str(cell) for cell in column.to_pylist()]


def _exact(path: Path, name: str, column: pa.ChunkedArray) -> list[str]:
    """`_as_text`; `DataError` for whole numbers so large that a fraction of this precision holds several as one."""
    if pa.types.is_floating(column.type):
        cells = column.to_pandas().dropna().astype(np.float64)
        bits = {16: 11, 32: 24, 64: 53}[column.type.bit_width]
        if len(cells) and (cells % 1 == 0).all() and cells.abs().max() >= 2**bits:
            raise DataError(
                f"{path}: column {name!r} holds numbers such as {cells.abs().max():.0f} as fractions of "
                f"{column.type.bit_width} bits, which round whole numbers from {2**bits:,} on: different ids may have "
                "become one; save the column as text"
            )
    return _as_text(column)


def _plain(column: pa.ChunkedArray) -> pd.Series:
    """A Parquet column in numbers where it holds some."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type):
        return column.to_pandas()
    return numbers(pd.Series(_as_text(column), dtype=str))


def _in_numbers(part: pd.DataFrame, key: str) -> pd.DataFrame:
    return pd.DataFrame({name: ids(part[name]) if name == key else numbers(part[name]) for name in part})


def _first_line(error: object) -> str:
    return str(error).split("\n")[0]
