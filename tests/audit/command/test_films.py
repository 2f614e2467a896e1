"""Radiographs of a folder, of zip files in it, and of a table."""

import hashlib
import zipfile

import numpy as np
import pytest
from PIL import Image

from diffchest.audit.command.films import find_radiographs, read_radiographs
from diffchest.errors import DataError
from diffchest.images.squares import to_square
from tests.helpers.dicom_files import dicom

HOW = {"size": 16, "codec": "raw", "most_rejected": 0.1}


@pytest.fixture
def folder(tmp_path):
    """Eleven PNG files of 20 x 24, one in a folder and one in a zip file."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "films"
    (folder / "below").mkdir(parents=True)
    for number in range(10):
        Image.fromarray(rng.integers(0, 256, (20, 24), dtype=np.uint8)).save(folder / f"{number}.png")
    (folder / "9.png").rename(folder / "below" / "9.png")
    Image.fromarray(rng.integers(0, 256, (20, 24), dtype=np.uint8)).save(tmp_path / "z.png")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.write(tmp_path / "z.png", "z.png")
    (folder / "notes.txt").write_text("no radiograph")
    return folder


def test_a_folder_gives_what_lies_in_it_below_it_and_in_zip_files(folder):
    found = find_radiographs(folder)
    assert list(found.sources) == [*(f"{n}.png" for n in range(9)), "below/9.png", "z.png"]
    films = read_radiographs(found, fine=["3.png", "z.png"], **HOW)
    assert films.names == list(found.sources)
    pixels = np.asarray(Image.open(folder / "3.png"))
    np.testing.assert_array_equal(films.squares[3], to_square(pixels, 16))
    assert films.fine_rows.tolist() == [3, 10]
    assert films.fine.shape == (2, 24, 24), "as large as the files are"
    np.testing.assert_array_equal(films.fine[0], to_square(pixels, 24))
    assert films.rows(["z.png", "0.png"]) == [10, 0]


def test_the_sum_is_of_names_and_files(folder):
    found = find_radiographs(folder)
    digest = hashlib.sha256()
    for name in list(found.sources)[:10]:
        digest.update(f"{name}\0{hashlib.sha256((folder / name).read_bytes()).hexdigest()}\n".encode())
    films = read_radiographs(found.of(list(found.sources)[:10]), fine=[], **HOW)
    assert films.sha256 == digest.hexdigest()


def test_a_table_names_files_dicom_too(folder):
    (folder / "film.dcm").write_bytes(dicom(np.arange(4000, 4400).reshape(20, 20), bits=12))
    names = [*(f"{n}.png" for n in range(9)), "film.dcm", "more.zip::z.png"]
    table = folder / "table.csv"
    table.write_text("\n".join(["image", *names]))
    films = read_radiographs(find_radiographs(table), fine=[], **HOW)
    assert films.names == sorted(names)
    assert films.squares.shape == (11, 16, 16)


def test_what_cannot_be_read_is_left_out_up_to_a_fraction(folder, capsys):
    (folder / "5.png").write_bytes(b"no picture")
    films = read_radiographs(find_radiographs(folder), fine=["5.png"], **HOW)
    assert len(films.names) == 10
    assert len(films.fine) == 0
    assert films.rejected == ["5.png: not a PNG, JPEG or DICOM file"]
    assert "1 of 11 radiographs cannot be read, such as 5.png" in capsys.readouterr().err
    with pytest.raises(DataError, match=r"1 of 11 .* \(up to 1% are passed over, cohorts.max_rejected_fraction\)"):
        read_radiographs(find_radiographs(folder), fine=[], **HOW | {"most_rejected": 0.01})


def test_an_empty_folder_too_few_films_and_no_folder_are_told(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no .png, .jpg, .jpeg, .dcm file in this folder, below it or in zip"):
        find_radiographs(tmp_path / "empty")
    with pytest.raises(DataError, match="no such file; --radiographs takes a folder"):
        find_radiographs(tmp_path / "none")
    (tmp_path / "table.csv").write_text("image\n1.png\n\n ,\n")
    with pytest.raises(DataError, match="films: 2 radiographs are too few for an audit; give 10 or more"):
        read_radiographs(find_radiographs(folder).of(["1.png", "2.png"]), fine=[], **HOW)
