"""Where images lie: links and paths that leave the root, folders that contain themselves, damaged archives."""

import os
import zipfile

import pytest

from diffchest.cohorts.reading import find_table
from diffchest.errors import DataError
from diffchest.images import sources
from diffchest.images.sources import SourceReader, index_images, inside_root
from tests.helpers.cohort_roots import PHOTO


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "1.jpg").write_bytes(PHOTO)
    (tmp_path / "secret.jpg").write_bytes(PHOTO)
    with zipfile.ZipFile(root / "0.zip", "w") as archive:
        archive.writestr("x/2.JPG", PHOTO)
        archive.writestr("x/3.dcm", b"DICM")
    return root


def test_files_and_members_are_found_by_the_end_of_their_path(root):
    assert index_images(root, 1) == {"1.jpg": "a/b/1.jpg", "2.JPG": "0.zip::x/2.JPG", "3.dcm": "0.zip::x/3.dcm"}
    assert index_images(root, 2, stem=True) == {"b/1": "a/b/1.jpg", "x/2": "0.zip::x/2.JPG", "x/3": "0.zip::x/3.dcm"}


def test_a_folder_that_links_to_one_above_ends(root):
    os.symlink(root, root / "a" / "again", target_is_directory=True)
    assert set(index_images(root, 1)) == {"1.jpg", "2.JPG", "3.dcm"}


@pytest.mark.parametrize(
    "path", ["../secret.jpg", "a/../../secret.jpg", "/etc/passwd", "C:\\x.jpg", "..\\secret.jpg", ""]
)
def test_a_path_that_leaves_the_root_is_refused(root, path):
    assert not inside_root(path)
    with pytest.raises(DataError, match="path leaves the root"):
        SourceReader(root).read(path)


def test_a_link_that_leaves_the_root_is_refused_and_one_inside_is_not(root, tmp_path):
    os.symlink(tmp_path / "secret.jpg", root / "out.jpg")
    os.symlink(tmp_path, root / "up", target_is_directory=True)
    os.symlink(root / "a" / "b" / "1.jpg", root / "in.jpg")
    reader = SourceReader(root)
    assert reader.read("in.jpg") == PHOTO
    for path in ("out.jpg", "up/secret.jpg"):
        with pytest.raises(DataError, match="path leaves the root through a symbolic link"):
            reader.read(path)
    os.symlink(root, tmp_path / "alias", target_is_directory=True)  # the root itself may be a link
    assert SourceReader(tmp_path / "alias").read("a/b/1.jpg") == PHOTO


@pytest.mark.parametrize("source", ["none.jpg", "0.zip::none.jpg", "none.zip::1.jpg"])
def test_what_is_not_there_is_said(root, source):
    with pytest.raises(DataError, match="image is not there"):
        SourceReader(root).read(source)


def test_a_huge_member_is_refused_before_it_is_unpacked(root, monkeypatch):
    monkeypatch.setattr(sources, "LARGEST_FILE", 2**20)
    with zipfile.ZipFile(root / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.png", bytes(2**21))
    (root / "big.png").write_bytes(bytes(2**21))
    for source in ("bomb.zip::b.png", "big.png"):
        with pytest.raises(DataError, match="larger than 1 MiB"):
            SourceReader(root).read(source)


def test_a_cut_archive_is_named(root):
    whole = (root / "0.zip").read_bytes()
    (root / "0.zip").write_bytes(whole[:-10])
    with pytest.raises(DataError, match=r"0\.zip: cannot be read as a zip file .* download it again"):
        index_images(root, 1)


def test_a_damaged_member_is_one_rejected_image(root):
    whole = bytearray((root / "0.zip").read_bytes())
    whole[whole.index(PHOTO) + 200] ^= 255
    (root / "0.zip").write_bytes(whole)
    with pytest.raises(DataError, match="cannot be read: damaged in its zip file"):
        SourceReader(root).read("0.zip::x/2.JPG")
    assert SourceReader(root).read("0.zip::x/3.dcm") == b"DICM"


def test_folders_come_in_the_order_in_which_tables_are_looked_for(tmp_path):
    """`CheXpert-v1.0` before `CheXpert-v1.0-small`, as `find_table` finds their tables."""
    for folder in ("cxr-small", "cxr"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").touch()
        (tmp_path / folder / "train.csv").touch()
    assert index_images(tmp_path, depth=1) == {"a.png": "cxr/a.png"}
    assert find_table(tmp_path, "train.csv") == tmp_path / "cxr" / "train.csv"


def test_a_damaged_lzma_member_costs_one_image(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("1.jpg", PHOTO)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[60:120] = bytes(60)
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DataError, match="cannot be read"):
        SourceReader(tmp_path).read("a.zip::1.jpg")


def test_a_zip_of_a_version_to_come_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.jpg", PHOTO)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.index(b"PK\x01\x02") + 6] = 110
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.zip: cannot be read as a zip file .*version 11"):
        index_images(tmp_path, depth=1)


def test_a_name_that_is_not_utf_8_is_said(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"Bilder_\xe4")
    os.mkdir(folder)
    (tmp_path / os.fsdecode(folder) / "1.jpg").write_bytes(PHOTO)
    with pytest.raises(DataError, match=r"'Bilder_\\udce4/1\.jpg' is not UTF-8; rename"):
        index_images(tmp_path, depth=1)
