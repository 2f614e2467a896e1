"""Zip files: what `zipfile` and Info-ZIP write is read alike; what cannot be read says why."""

import contextlib
import io
import random
import struct
import subprocess
import zipfile

import pytest

from diffchest.errors import DataError
from diffchest.images.archives import Archive, directory, members, unread
from diffchest.images.sources import SourceReader, unread_members

CONTENT = {"a/1.png": b"one" * 1000, "Gerät/ß.png": b"two", "empty.png": b"", "x" * 200: bytes(range(256)) * 40}
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def written(path, method=zipfile.ZIP_DEFLATED, *, comment=b"", before=b"", names=CONTENT, large=False):
    with open(path, "wb") as file:
        file.write(before)
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.comment = comment
            archive.mkdir("a")
            for name, data in names.items():
                with archive.open(name, "w", force_zip64=large) as member:
                    member.write(data)
    return path


def same_as_zipfile(path):
    """Compare names, sizes and bytes with Python's own reader."""
    with zipfile.ZipFile(path) as known:
        infos = [info for info in known.infolist() if not info.is_dir()]
        found = list(members(path))
        assert [(m.name, m.size, m.packed, m.crc, m.method) for m in found] == [
            (i.filename, i.file_size, i.compress_size, i.CRC, i.compress_type) for i in infos
        ]
        archive = Archive(str(path))
        assert all(archive.read(info.filename, 2**20) == known.read(info.filename) for info in infos)
    return len(infos)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("options", [{}, {"comment": b"a comment"}, {"before": b"#!/bin/sh\n"}, {"large": True}])
def test_archives_are_read_as_zipfile_reads_them(tmp_path, method, options):
    assert same_as_zipfile(written(tmp_path / "a.zip", method, **options)) == len(CONTENT)


def test_an_archive_of_more_members_than_16_bits_count(tmp_path, monkeypatch):
    """Its end is a record of ZIP64, which `zipfile` writes here for more than one."""
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    written(tmp_path / "a.zip", before=b"something before")
    assert b"PK\x06\x06" in (tmp_path / "a.zip").read_bytes()
    assert same_as_zipfile(tmp_path / "a.zip") == len(CONTENT)


def test_zip64_offsets_and_sizes_come_from_the_extra_field(tmp_path):
    """As an archive above 4 GiB has them: all three fields are full, the values stand in the field of kind 1."""
    data = bytearray(written(tmp_path / "a.zip", zipfile.ZIP_STORED, names={"1": b"abc"}).read_bytes())
    entry = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    offset = struct.unpack_from("<L", data, entry + 42)[0]
    extra = struct.pack("<HHBHHQQQ", 0x5455, 1, 0, 1, 24, 3, 3, offset)
    struct.pack_into("<LL", data, entry + 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", data, entry + 30, len(extra))
    struct.pack_into("<L", data, entry + 42, 0xFFFFFFFF)
    data[entry + 47 : entry + 47] = extra
    end = data.index(b"PK\x05\x06")
    struct.pack_into("<L", data, end + 12, struct.unpack_from("<L", data, end + 12)[0] + len(extra))
    (tmp_path / "a.zip").write_bytes(data)
    assert same_as_zipfile(tmp_path / "a.zip") == 1


def test_names_without_the_utf_8_mark_are_code_page_437(tmp_path):
    data = written(tmp_path / "a.zip", names={"Ger?t.png": b"x"}).read_bytes().replace(b"Ger?t", b"Ger\x84t")
    (tmp_path / "a.zip").write_bytes(data)
    assert [member.name for member in members(tmp_path / "a.zip")] == ["Gerät.png"]
    assert Archive(str(tmp_path / "a.zip")).read("Gerät.png", 10) == b"x"


def patched(path, local, central, change):
    """Set a 16-bit field of the headers of the last member."""
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = data.rindex(mark)
        struct.pack_into("<H", data, at + offset, change(struct.unpack_from("<H", data, at + offset)[0]))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("local", "central", "change", "words"),
    [
        (6, 8, lambda flags: flags | 1, "encrypted member .* needs a password; unpack it with the password"),
        (8, 10, lambda _: 9, r"packed by Deflate64 \(compression method 9\), which is not read; unpack it"),
        (8, 10, lambda _: 93, r"packed by Zstandard \(compression method 93\)"),
        (8, 10, lambda _: 77, r"packed by a method \(compression method 77\)"),
    ],
)
def test_members_that_cannot_be_read_are_known_by_the_directory(tmp_path, local, central, change, words):
    patched(written(tmp_path / "a.zip", names={"1.png": b"1", "2.png": b"2"}), local, central, change)
    sources = ["a.zip::1.png", "a.zip::2.png", "3.png"]
    assert list(unread_members(tmp_path, sources)) == ["a.zip::2.png"]
    reader = SourceReader(tmp_path)
    assert reader.read(sources[0]) == b"1"
    with pytest.raises(DataError, match=words):
        reader.read(sources[1])


def test_encryption_by_another_program_is_seen(tmp_path):
    """Traditional encryption sets bit 0 of the flags; here by Info-ZIP, where it is installed."""
    (tmp_path / "1.png").write_bytes(b"1")
    try:
        subprocess.run(["zip", "-q", "-P", "word", "a.zip", "1.png"], cwd=tmp_path, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no zip program")
    (member,) = members(tmp_path / "a.zip")
    assert unread(member).startswith("encrypted member")


def test_damage_anywhere_is_a_reason(tmp_path):
    """Whatever byte is wrong, an archive is read as it was, or it or its member says that it is damaged."""
    original = written(tmp_path / "good.zip").read_bytes()
    draw = random.Random(0)
    for number in range(150):
        data = bytearray(original)
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        if number % 5 == 0:
            del data[draw.randrange(len(data)) :]
        (tmp_path / f"{number}.zip").write_bytes(data)
        reader = SourceReader(tmp_path)
        for name, content in CONTENT.items():
            with contextlib.suppress(DataError):
                assert reader.read(f"{number}.zip::{name}") == content


def test_what_is_no_zip_is_named(tmp_path):
    for name, data, words in [
        ("empty.zip", b"", "it is no zip file, or its end is missing"),
        ("other.zip", b"Rar!" * 100, "it is no zip file"),
        ("cut.zip", written(tmp_path / "a.zip").read_bytes()[20:], "a part of it is missing|damaged"),
    ]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=rf"{name}: cannot be read as a zip file \((.*{words})"):
            list(members(tmp_path / name))
    with pytest.raises(DataError, match=r"none\.zip: cannot be read as a zip file \(No such file"):
        list(members(tmp_path / "none.zip"))


def test_a_directory_is_read_once(tmp_path, monkeypatch):
    path = str(written(tmp_path / "a.zip"))
    first = directory(path)
    assert directory(path) is first
    reader = SourceReader(tmp_path)
    monkeypatch.setattr("diffchest.images.archives.members", lambda archive: pytest.fail("read again"))
    assert reader.read("a.zip::a/1.png") == CONTENT["a/1.png"]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("new.png", b"new")
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    monkeypatch.undo()
    assert SourceReader(tmp_path).read("a.zip::new.png") == b"new"
