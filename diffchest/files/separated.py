"""Text with separated cells (CSV, TSV): its separator found, every row counted, errors by their line."""

import codecs
import csv
import io
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO

from diffchest.errors import DataError

MARKS = (",", ";", "\t", "|")
CALLED = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars (|)"}
UTF8 = ("utf-8", "utf8", "utf_8")
BYTE_ORDER = {  # the longer mark first: UTF-32 begins as UTF-16 does
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SAMPLE = 50  # lines that the separator is found by


@dataclass(frozen=True)
class Separated:
    """An open table of text: names of columns as they are written, its form, and the rows that are not blank.

    A row is (its number as a spreadsheet shows it, its cells as text); reading on raises `DataError` by line.
    """

    header: list[str]
    delimiter: str
    encoding: str
    rows: Iterator[tuple[int, list[str]]]


@dataclass(frozen=True)
class _Source:
    """What messages need: the file, the encoding it is read in, and whose settings say so ("": nobody's)."""

    path: Path
    encoding: str
    setting: str

    def no_text(self, line: int) -> DataError:
        return DataError(
            f"{self.path}: line {line} holds NUL bytes: no text, or UTF-16 without a byte-order mark; save it as "
            "CSV in UTF-8"
        )

    def undecodable(self, error: UnicodeDecodeError, line: int) -> DataError:
        if b"\0" in error.object:
            return self.no_text(line)
        around = error.object[max(0, error.start - 12) : error.end + 12].decode("cp1252", errors="replace")
        todo = f"set {self.setting} `encoding`, say latin-1 or cp1252" if self.setting else "save the table as UTF-8"
        return DataError(
            f"{self.path}: not {self.encoding} text in or after line {line} (byte {error.object[error.start]:#04x}; "
            f"cp1252 would read {' '.join(around.split())!r}); {todo}"
        )


def open_separated(
    file: IO[bytes], path: Path, *, delimiter: str | None, encoding: str, wanted: Collection[str], setting: str
) -> Separated:
    """Begin to read a table of text; `delimiter` None: found, by the header and the first rows.

    A byte-order mark goes before `encoding`. wanted: columns that tell the right separator from others; setting: see
    `diffchest.files.foreign_tables`. Raises `DataError` for a file without a header and for bytes that are no text.
    """
    source = _Source(path, encoding, setting)
    read_in = _encoding(file, source)
    text = _lines(file, source)
    sample = list(islice(text, SAMPLE))
    skipped = 0
    if sample and (said := _said_by_excel(sample[0])):
        delimiter, skipped, sample = delimiter or said, 1, sample[1:]
    if delimiter is None:
        delimiter = _find_delimiter(sample, wanted, whole=len(sample) < SAMPLE)
    records = _records(chain(sample, text), delimiter, source, skipped)
    for number, line, header in records:
        if "".join(header).strip():
            _check_first(header, sample[line - skipped :], wanted, source, line)
            return Separated(header, delimiter, _said(read_in), _rows(records, header, source, number))
    raise DataError(f"{path}: empty: cannot be read as a table; expected a line with the names of the columns")


def _check_first(
    header: Sequence[str], below: Sequence[str], wanted: Collection[str], source: _Source, line: int
) -> None:
    """`DataError` when none of the wanted columns is in the header, but a line below names some: a title is above.

    below: the first lines below the header, whose own number is `line`.
    """
    if {name.strip() for name in header} & set(wanted) or not wanted:
        return
    for number, text in enumerate(below, start=line + 1):
        cells = [cell.strip(' \t\r\n"') for mark in MARKS for cell in text.split(mark)]
        named = list(dict.fromkeys(cell for cell in cells if cell in wanted))
        if len(named) >= min(2, len(set(wanted))):
            raise DataError(
                f"{source.path}: expected the names of columns in line {line}, found {header[0]!r} there and the names "
                f"{', '.join(map(repr, named[:3]))} in line {number}; delete what stands above them"
            )


def text_lines(file: IO[bytes], path: Path) -> Iterator[str]:
    """The lines of a text, UTF-8 unless a byte-order mark says otherwise; `DataError` where it is none."""
    return _lines(file, _Source(path, "utf-8", ""))


def other_delimiter(header: Sequence[str], delimiter: str) -> str:
    """The separator that a header holds which was read as one column; "" if there is none."""
    marks = [mark for mark in MARKS if mark != delimiter and len(header) == 1 and mark in header[0]]
    return max(marks, key=header[0].count) if marks else ""


def _lines(file: IO[bytes], source: _Source) -> Iterator[str]:
    encoding = _encoding(file, source)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    number = 0
    try:
        for line in text:
            number += 1
            if "\0" in line:
                raise source.no_text(number)
            yield line
    except UnicodeDecodeError as error:
        raise _Source(source.path, _said(encoding), source.setting).undecodable(error, number + 1) from None
    except UnicodeError as error:  # UTF-16 or UTF-32 that ends early
        raise DataError(f"{source.path}: not whole {_said(encoding)} text ({error}); save it as UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{source.path}: cannot be read as a table after line {number} ({error}); it is cut short or "
            "damaged, copy it again"
        ) from None


def _encoding(file: IO[bytes], source: _Source) -> str:
    """The encoding that a byte-order mark says, else the source's; the file stands at its beginning again."""
    first = file.read(4)
    file.seek(0)
    plain = "utf-8-sig" if source.encoding.lower() in UTF8 else source.encoding
    return next((name for mark, name in BYTE_ORDER.items() if first.startswith(mark)), plain)


def _said(encoding: str) -> str:
    """An encoding as people call it."""
    return encoding.removesuffix("-sig")


def _said_by_excel(line: str) -> str:
    """The separator in a first line like `sep=;`, which Excel writes for itself."""
    line = line.strip("\r\n").strip('"')
    return line[4:] if line.lower().startswith("sep=") and len(line) == 5 else ""


def _find_delimiter(lines: list[str], wanted: Collection[str], *, whole: bool) -> str:
    """The mark that gives most of the wanted columns, then rows as wide as the header, then a wide header."""

    def fit(mark: str) -> tuple[int, bool, int]:
        try:
            records = [record for record in csv.reader(lines, delimiter=mark) if any(record)]
        except csv.Error:
            return 0, False, 0
        header, rows = records[0] if records else [], records[1:] if whole else records[1:-1]
        found = len({name.strip() for name in header} & set(wanted))
        even = len(header) > 1 and all(len(_without_tail(row, len(header))) == len(header) for row in rows)
        return found, even, len(header)

    return max(MARKS, key=fit)


def _records(
    lines: Iterator[str], delimiter: str, source: _Source, skipped: int
) -> Iterator[tuple[int, int, list[str]]]:
    """Number of each record, the line it begins in, and its cells."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number, line = skipped, skipped + 1
    try:
        for record in reader:
            number += 1
            yield number, line, record
            line = skipped + reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{source.path}: line {line}: a quotation mark is not closed, or stands where none can ({error}); cells "
            'with quotation marks or line ends are written "in ""quotation marks"""'
        ) from None


def _rows(
    records: Iterator[tuple[int, int, list[str]]], header: list[str], source: _Source, header_row: int
) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, as wide as the header; separators at the end of a line count on neither side."""
    width, named = len(header), max(place for place, name in enumerate(header, 1) if name.strip())
    for number, line, record in records:
        if len(record) != width:
            if not "".join(record).strip():
                continue
            record = _without_tail(record, width)
            if named <= len(record) < width:
                record = [*record, *[""] * (width - len(record))]
            elif len(record) != width:
                raise DataError(
                    f"{source.path}: line {line} has {len(record)} cells, the header (row {header_row}) {width}: it "
                    f"begins {', '.join(map(repr, record[:3]))}; put cells that hold the separator into quotation "
                    "marks, and write separators for blank cells too"
                )
        elif not record[0].strip() and not "".join(record).strip():
            continue
        yield number, record


def _without_tail(record: list[str], width: int) -> list[str]:
    """A row without the blank cells beyond the header."""
    return record[:width] if len(record) > width and not "".join(record[width:]).strip() else record
