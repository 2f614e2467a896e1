"""Members read by their place, against `zipfile`; whatever is not as the directory says is left to that."""

import zipfile

import pytest

from diffchest.errors import DataError
from diffchest.images.sources import SourceReader
from diffchest.images.zip_members import places, read_member

CONTENT = {"a/1.png": b"one" * 900, "b/ü.png": bytes(range(256)) * 40, "empty.png": b""}


@pytest.fixture
def archive(tmp_path):
    """Something before the zip, members stored and deflated, with an extra field and a comment."""
    path = tmp_path / "images.zip"
    path.write_bytes(b"what was there before" * 9)
    with zipfile.ZipFile(path, "a") as opened:
        opened.comment = b"a comment"
        for number, (name, data) in enumerate(CONTENT.items()):
            info = zipfile.ZipInfo(name)
            info.extra = b"\x99\x99\x04\x00abcd"
            opened.writestr(info, data, compress_type=(zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)[number % 2])
        opened.writestr("other.png", b"lzma" * 99, compress_type=zipfile.ZIP_LZMA)
    return path


def test_members_are_read_by_their_place(archive):
    found = places(archive, [*CONTENT, "other.png", "absent.png"])
    assert set(found) == set(CONTENT)
    with archive.open("rb") as file:
        assert {name: read_member(file, place) for name, place in found.items()} == CONTENT


def test_the_directory_is_not_read_where_the_place_is_known(archive, monkeypatch):
    found = places(archive, CONTENT)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("opened"))
    reader = SourceReader(archive.parent)
    assert reader.read("images.zip::a/1.png", found["a/1.png"]) == CONTENT["a/1.png"]


@pytest.mark.parametrize("change", [{"crc": 1}, {"offset": 3}, {"offset": 10**9}, {"size": 7}, {"compressed": 10**6}])
def test_what_is_not_as_the_directory_says_is_left_to_zipfile(archive, change):
    place = places(archive, CONTENT)["a/1.png"]._replace(**change)
    with archive.open("rb") as file:
        assert read_member(file, place) is None
    assert SourceReader(archive.parent).read("images.zip::a/1.png", place) == CONTENT["a/1.png"]


def test_a_damaged_member_is_rejected_as_before(archive):
    place = places(archive, CONTENT)["b/ü.png"]
    data = bytearray(archive.read_bytes())
    data[data.index(CONTENT["b/ü.png"][:50]) + 9] ^= 1
    archive.write_bytes(data)
    with pytest.raises(DataError, match="cannot be read"):
        SourceReader(archive.parent).read("images.zip::b/ü.png", place)


def test_a_file_that_is_no_zip_has_no_places(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"no zip")
    assert places(tmp_path / "a.zip", ["x.png"]) == places(tmp_path / "absent.zip", ["x.png"]) == {}
