"""Zip files of many images: their directory is read once, and costs a few bytes a member."""

import functools
import io
import os
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from diffchest.errors import DataError

READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 10: "PKWARE Implode", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
ENCRYPTED, PATCHED, UTF8 = 0x1, 0x20, 0x800  # of the flags of a member
NEWEST_VERSION = 63  # of the format (PKWARE's application note), times ten
TAIL = 22 + 2**16  # bytes in which the end record lies, as a comment follows it
END = struct.Struct("<4s4H2LH")
LOCATOR = struct.Struct("<4sLQL")
END64 = struct.Struct("<4sQ2H2L4Q")
ENTRY = struct.Struct("<4s4B4H3L5H2L")
LOCAL = struct.Struct("<4s2B4H3L2H")
LARGE, SMALL = ("name", "offset", "packed", "size"), ("method", "flags")
COLUMNS = np.dtype([*((name, "u8") for name in LARGE), ("crc", "u4"), *((name, "u2") for name in SMALL)])


class Member(NamedTuple):
    """One file of an archive: where its header lies, its sizes in bytes, and how it is packed."""

    name: str
    offset: int
    packed: int
    size: int
    crc: int
    method: int
    flags: int


class Directory:
    """What an archive holds, in 40 bytes a member (`zipfile` takes 700), whose names are kept as hashes only."""

    def __init__(self, archive: str) -> None:
        rows = np.fromiter(((_hashed(member.name), *member[1:]) for member in members(archive)), dtype=COLUMNS)
        self._rows = rows[np.argsort(rows["name"], kind="stable")]
        unread = ~np.isin(rows["method"], READ) | (rows["flags"] & (ENCRYPTED | PATCHED) > 0)
        self.all_readable = not unread.any()

    def __getitem__(self, name: str) -> Member:
        """The member `name`, the last of that name; `KeyError` where there is none."""
        hashed = np.uint64(_hashed(name))
        row = int(np.searchsorted(self._rows["name"], hashed, side="right")) - 1
        if row < 0 or self._rows["name"][row] != hashed:
            raise KeyError(name)
        return Member(name, *self._rows[row].tolist()[1:])


class Archive:
    """A zip file that stays open. Not for use by two threads at once; its directory is shared between them."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")  # noqa: SIM115  kept open
        self._directory = directory(path)

    def read(self, name: str, largest: int) -> bytes:
        """The bytes of a member.

        Raises `KeyError` where there is none, `DataError` where it cannot be read or has more than `largest` bytes, and
        what `zipfile` does where it is damaged.
        """
        member = self._directory[name]
        reason = unread(member)
        if reason:
            raise DataError(reason)
        if member.size > largest:
            raise DataError(f"larger than {largest // 2**20} MiB")
        self._file.seek(member.offset)
        header = self._file.read(LOCAL.size)
        if len(header) < LOCAL.size or not header.startswith(b"PK\x03\x04"):
            raise zipfile.BadZipFile
        *_, name_length, extra_length = LOCAL.unpack(header)
        if _decoded(self._file.read(name_length), member.flags) != name:
            raise zipfile.BadZipFile  # a damaged archive
        self._file.seek(extra_length, io.SEEK_CUR)
        info = zipfile.ZipInfo(name)
        info.compress_type, info.CRC = member.method, member.crc
        info.compress_size, info.file_size = member.packed, member.size
        with zipfile.ZipExtFile(self._file, "r", info) as unpacked:
            data = unpacked.read()
        if len(data) != member.size:
            raise zipfile.BadZipFile
        return data


def directory(archive: str | Path) -> Directory:
    """The directory of an archive, read once by a process as long as the file stays what it is."""
    path = os.fspath(archive)
    try:
        status = os.stat(path)
    except OSError as error:
        raise _not_read(path, error.strerror or "not there") from None
    return _directory(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=128)  # PadChest has 54 archives
def _directory(path: str, _size: int, _modified: int) -> Directory:
    return Directory(path)


def unread(member: Member) -> str:
    """Why a member cannot be read, and what to do; "" where it can."""
    if member.flags & ENCRYPTED:
        return (
            "encrypted member of a zip file, which needs a password; unpack it with the password and pack it again "
            "without one, or leave it unpacked"
        )
    if member.method not in READ or member.flags & PATCHED:
        named = METHODS.get(member.method, "a method")
        return (
            f"member of a zip file packed by {named} (compression method {member.method}), which is not read; unpack "
            "it (7-Zip reads most methods) and pack it again by Deflate, or leave it unpacked"
        )
    return ""


def utf8_name(member: Member) -> str:
    """The name of a member whose archive does not say that it is UTF-8, though it is, as some programs write it."""
    if member.flags & UTF8 or member.name.isascii():
        return member.name
    try:
        return member.name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.name


def members(archive: str | Path) -> Iterator[Member]:
    """Every file in a zip, in the order of its directory; `DataError` when the archive is missing or damaged."""
    try:
        with open(archive, "rb") as file:
            records, shift = _central(file)
    except OSError as error:
        raise _not_read(archive, error.strerror or "not there") from None
    except (zipfile.BadZipFile, struct.error) as error:
        raise _not_read(archive, str(error)) from None
    position = 0
    while position < len(records):
        try:
            member, position = _entry(records, position, shift)
        except (zipfile.BadZipFile, struct.error, UnicodeDecodeError) as error:
            raise _not_read(archive, f"its directory is damaged: {error}") from None
        if not member.name.endswith("/"):
            yield member


def _central(file: io.BufferedReader) -> tuple[bytes, int]:
    """The records of the directory, and by how much offsets are to be shifted where something stands before the zip."""
    size = file.seek(0, io.SEEK_END)
    start = max(size - TAIL, 0)
    file.seek(start)
    tail = file.read()
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < END.size:
        raise zipfile.BadZipFile("it is no zip file, or its end is missing")
    at = start + found
    *_, length, offset, _ = END.unpack_from(tail, found)
    if at >= LOCATOR.size:
        file.seek(at - LOCATOR.size)
        locator = LOCATOR.unpack(file.read(LOCATOR.size))
        if locator[0] == b"PK\x06\x07":
            if locator[3] > 1:
                raise zipfile.BadZipFile("it is a part of an archive in several files")
            at -= LOCATOR.size + END64.size
            file.seek(at)
            record = END64.unpack(file.read(END64.size))
            if record[0] != b"PK\x06\x06":
                raise zipfile.BadZipFile("its end is damaged")
            length, offset = record[-2:]
    shift = at - length - offset
    if shift < 0:
        raise zipfile.BadZipFile("a part of it is missing")
    file.seek(offset + shift)
    return file.read(length), shift


def _entry(records: bytes, position: int, shift: int) -> tuple[Member, int]:
    """The member whose record begins at `position`, and where the next one does."""
    fields = ENTRY.unpack_from(records, position)
    signature, version, flags, method = fields[0], fields[3], fields[5], fields[6]
    crc, packed, size, name_length, extra_length = fields[9:14]
    if signature != b"PK\x01\x02":
        raise zipfile.BadZipFile("an entry has no signature")
    if version > NEWEST_VERSION:
        raise zipfile.BadZipFile(f"zip file version {version / 10}")
    start = position + ENTRY.size
    name = _decoded(records[start : start + name_length], flags)
    extra = records[start + name_length : start + name_length + extra_length]
    size, packed, offset = _large(extra, size, packed, fields[-1])
    return Member(name, offset + shift, packed, size, crc, method, flags), start + sum(fields[12:15])


def _large(extra: bytes, *values: int) -> list[int]:
    """`values` (size, packed size, offset), those that 32 bits do not hold from the ZIP64 part of `extra`."""
    if 0xFFFFFFFF not in values:
        return [*values]
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind == 1:
            found = iter(struct.unpack_from(f"<{length // 8}Q", extra, position + 4))
            return [next(found, value) if value == 0xFFFFFFFF else value for value in values]
        position += 4 + length
    return [*values]


def _decoded(name: bytes, flags: int) -> str:
    return name.partition(b"\0")[0].decode("utf-8" if flags & UTF8 else "cp437")


def _hashed(name: str) -> int:
    return hash(name) % 2**64  # of this process; two that collide are told apart by the name that the member repeats


def _not_read(archive: str | Path, reason: str) -> DataError:
    return DataError(f"{archive}: cannot be read as a zip file ({reason}); download it again")
