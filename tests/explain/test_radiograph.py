"""Reading the radiograph to explain: files as `build_lmdb` decodes them, members of a zip, ids of the store."""

import zipfile

import numpy as np
import pytest

from diffchest.contracts.image_store import ImageStore
from diffchest.errors import DataError
from diffchest.explain.radiograph import read_radiograph
from diffchest.images.building import build_store
from diffchest.images.preparing import StoreRow
from tests.helpers.cohort_roots import jpeg, png
from tests.helpers.dicom_files import dicom

SIZE = 16
GRAY = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
DEEP = np.random.default_rng(1).integers(0, 4096, (48, 40)).astype(np.uint16)
FILES = {  # what each file holds, and what the facts say of it
    "film.png": (png(GRAY), ("PNG", 40, 30, 8, False)),
    "film.jpg": (jpeg(GRAY), ("JPEG", 40, 30, 8, False)),
    "deep.png": (png(DEEP), ("PNG", 48, 40, 14, True)),
    "film.dcm": (dicom(DEEP, bits=12), ("DICOM", 48, 40, 12, False)),
    "negative.dcm": (dicom(DEEP, bits=12, PhotometricInterpretation="MONOCHROME1"), ("DICOM", 48, 40, 12, True)),
}
OF_A_TABLE = {"deep.png": {"bits_stored": 14, "inverted": True}}  # what only a cohort's table can say


def read(folder, source, **options):
    return read_radiograph(source, folder / "images.lmdb", size=SIZE, codec="raw", **options)


@pytest.mark.parametrize("codec", ["raw", "jpeg"])
def test_a_stored_radiograph_given_as_its_file_is_the_same_square(tmp_path, codec):
    for name, (data, _) in FILES.items():
        (tmp_path / name).write_bytes(data)
    said = {name: OF_A_TABLE.get(name, {"bits_stored": 0, "inverted": False}) for name in FILES}
    rows = [StoreRow(f"d/{name}", str(tmp_path), name, **said[name]) for name in sorted(FILES)]
    store = tmp_path / "images.lmdb"
    assert build_store(rows, store, size=SIZE, codec=codec, workers=1) == []
    for name in FILES:
        options = {"size": SIZE, "codec": codec}
        of_file = read_radiograph(str(tmp_path / name), store, **options, **OF_A_TABLE.get(name, {}))
        by_id = read_radiograph(f"d/{name}", store, **options)
        assert (of_file.square == by_id.square).all(), name
        assert (by_id.square == ImageStore(store).read([f"d/{name}"])[0]).all()
        assert by_id.facts == {"kind": "image store"}
        assert (of_file.name, by_id.name) == (name, f"d/{name}")
    with pytest.raises(DataError, match=r"images.lmdb: holds squares of 16 px, but the model takes 32 px"):
        read_radiograph("d/film.png", store, size=32, codec=codec)


@pytest.mark.parametrize("name", FILES)
def test_facts_say_how_a_file_was_decoded(tmp_path, name):
    data, expected = FILES[name]
    (tmp_path / name).write_bytes(data)
    facts = read(tmp_path, str(tmp_path / name), **OF_A_TABLE.get(name, {})).facts
    assert tuple(facts[key] for key in ("kind", "height", "width", "bits_stored", "inverted")) == expected


def test_facts_hold_nothing_of_the_patient(tmp_path):
    (tmp_path / "film.dcm").write_bytes(dicom(DEEP, bits=12, PatientName="Doe^Jane", PatientID="4711"))
    facts = read(tmp_path, str(tmp_path / "film.dcm")).facts
    assert set(facts) == {"kind", "height", "width", "bits_stored", "inverted", "sha256"}


def test_a_member_of_a_zip_and_a_link_are_read_as_files(tmp_path):
    (tmp_path / "film.png").write_bytes(png(GRAY))
    expected = read(tmp_path, str(tmp_path / "film.png"))
    with zipfile.ZipFile(tmp_path / "0.zip", "w") as archive:
        archive.write(tmp_path / "film.png", "inside/film.png")
    member = read(tmp_path, f"{tmp_path}/0.zip::inside/film.png")
    assert member.name == "film.png"
    assert (member.square == expected.square).all()
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "other.png").symlink_to(tmp_path / "film.png")
    link = read(tmp_path, str(tmp_path / "links" / "other.png"))
    assert (link.square == expected.square).all()


def test_what_is_no_radiograph_is_refused_by_name(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "cut.png").write_bytes(png(GRAY)[:100])
    (tmp_path / "empty.dcm").write_bytes(b"")
    expected = {
        "notes.txt": "not a PNG, JPEG or DICOM file",
        "cut.png": "truncated or damaged",
        "empty.dcm": "empty file",
        ".": "cannot be read",
    }
    for name, reason in expected.items():
        with pytest.raises(DataError, match=rf"{name}: {reason}.*; expected a radiograph as PNG, JPEG or DICOM"):
            read(tmp_path, f"{tmp_path}/{name}")
    with pytest.raises(DataError, match=r"film2.png: no such file, and no radiograph of that id in .*images.lmdb"):
        read(tmp_path, "film2.png")
