"""What a file is by its first bytes, not by its name; and what to do with one that is no table."""

import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import IO

from diffchest.errors import DataError

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
HEAD = 4096  # bytes looked at
SAVE = "save the table as CSV in UTF-8"
UNPACK = "unpack it"
MAGIC: dict[bytes, tuple[str, str]] = {  # the first bytes of a file: what it is, and what to do
    b"PARE": ("an encrypted Parquet file", "save it without encryption"),
    b"\xd0\xcf\x11\xe0": ("a workbook of old Excel (.xls), or one with a password", SAVE),
    b"BZh91AY": ("packed by bzip2", UNPACK),
    b"\xfd7zXZ\x00": ("packed by xz", UNPACK),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", UNPACK),
    b"Rar!\x1a": ("a rar archive", UNPACK),
    b"$FL2": ("an SPSS file", SAVE),
    b"$FL3": ("an SPSS file", SAVE),
    b"<stata_dta>": ("a Stata file", SAVE),
    bytes(12) + b"\xc2\xea\x81\x60": ("a SAS file", SAVE),
    b"RDX2\n": ("an R data file", SAVE),
    b"RDX3\n": ("an R data file", SAVE),
    b"X\n\x00\x00\x00": ("an R data file (.rds)", SAVE),
    b"ARROW1\x00\x00": ("an Arrow (Feather) file", "save it as CSV or Parquet"),
    b"\x89HDF": ("an HDF5 file", "save it as CSV or Parquet"),
    b"\x80\x04\x95": ("a pickle of Python", "save it as CSV or Parquet"),
    b"\x80\x05\x95": ("a pickle of Python", "save it as CSV or Parquet"),
    b"\x93NUMPY": ("a NumPy array", "save it as CSV or Parquet"),
    b"SQLite format 3": ("an SQLite database", SAVE),
    b"{\\rtf": ("a text document (RTF)", SAVE),
    b"%PDF-": ("a PDF document", SAVE),
    b"\x89PNG": ("a picture", "give the table"),
    b"\xff\xd8\xff": ("a picture", "give the table"),
    b"version https://git-lfs": ("a pointer of Git LFS, not the file itself", "fetch it with `git lfs pull`"),
}
MARKUP: dict[bytes, tuple[str, str]] = {  # beginnings of text in any case: they tell what a cell cannot begin with
    b"<!doctype html": ("a web page (perhaps a log-in)", "download the table itself, or save it as CSV"),
    b"<html": ("a web page (perhaps a log-in)", "download the table itself, or save it as CSV"),
    b"<table": ("a web page", SAVE),
    b"<?xml": ("an XML document", SAVE),
    b"{": ("JSON", SAVE),
    b"[{": ("JSON", SAVE),
}


def open_table(path: Path) -> tuple[IO[bytes], bytes]:
    """Open a CSV or Parquet file, unpacked where it is gzip, and its first `HEAD` bytes; close what is returned.

    Raises `DataError` for a file that cannot be opened and for one of another kind, with what to do.
    """
    file: IO[bytes] = path.open("rb")
    try:
        head = _peek(file)
        packed = head.startswith(GZIP)
        if packed:
            file = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]
            head = _peek(file)
        _refuse_others(path, head, file, "gzip of " if packed else "")
        if packed and head.startswith(PARQUET):
            file = io.BytesIO(file.read())  # Parquet is read from its end
    except BaseException:
        file.close()
        raise
    return file, head


def _peek(file: IO[bytes]) -> bytes:
    head = file.read(HEAD)
    file.seek(0)
    return head


def _refuse_others(path: Path, head: bytes, file: IO[bytes], packed: str) -> None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    found = next((what for magic, what in MAGIC.items() if head.startswith(magic)), None)
    found = found or next((what for mark, what in MARKUP.items() if text.startswith(mark)), None)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        found = _kind_of_zip(file)
    if packed and head.startswith(GZIP):
        found = ("a gzip file", "it was packed twice, unpack it once")
    if head[257:262] == b"ustar":
        found = ("a tar archive", "unpack it and give the table")
    if head[128:132] == b"DICM":
        found = ("a DICOM file", "give the table")
    if found:
        raise DataError(f"{path}: {packed}{found[0]}, expected a table as CSV or Parquet; {found[1]}")


def _kind_of_zip(file: IO[bytes]) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            kind = archive.read("mimetype") if "mimetype" in names else b""
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, ValueError, struct.error):
        return "a zip archive that is cut short or damaged", "save the table as CSV, or unpack it"
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook", "save its sheet as CSV (UTF-8)"
    if b"opendocument" in kind or "Index/Document.iwa" in names:
        return "a workbook (OpenDocument or Numbers)", "save its sheet as CSV (UTF-8)"
    if names and all(name.endswith(".npy") for name in names):
        return "an npz file of NumPy arrays", "save it as CSV or Parquet"
    return f"a zip archive ({', '.join(names[:3]) or 'empty'})", "unpack it and give the table"
