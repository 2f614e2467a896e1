"""What all cohorts have in common: images located, bad rows rejected, label policies, manifests checked."""

import pytest

from diffchest.errors import DataError
from tests.helpers.cohort_roots import GRAY, PADCHEST_TABLE, padchest, padchest_row, steps, write_padchest


def test_absent_images_are_listed_with_present_and_rejected_with_all(tmp_path):
    root = write_padchest(tmp_path, [padchest_row("a.png", "1"), padchest_row("b.png", "2")], absent=("b.png",))
    present = padchest(root, images="present")
    assert present.images["source"].tolist() == ["0.zip::a.png", ""]
    assert list(present.labels.index) == ["padchest/a.png"]
    assert present.rejected.empty
    rejected = padchest(root, images="all").rejected
    assert rejected[["image_id", "reason"]].to_numpy().tolist() == [["padchest/b.png", "image is not in the root"]]
    assert rejected["detail"].tolist() == [
        f"{PADCHEST_TABLE}, row 3: 'b.png'; looked for any file or zip member called b.png below {tmp_path}"
    ]


def test_empty_patient_and_duplicate_image_are_rejected(tmp_path):
    rows = [padchest_row("a.png", "1"), padchest_row("b.png", " "), padchest_row("a.png", "2")]
    cohort = padchest(write_padchest(tmp_path, rows))
    assert cohort.images["patient_id"].tolist() == ["padchest/1"]
    assert cohort.rejected["reason"].tolist() == [
        "image id occurs more than once; the first row counts",
        "patient id is empty",
    ]
    assert steps(cohort)["excluded: patient id is empty"] == (1, 0)


def test_missing_root_table_column_and_images_are_named(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        padchest(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"PADCHEST_\*.csv: no such table"):
        padchest(tmp_path)
    row = padchest_row("a.png", "1")
    padchest(write_padchest(tmp_path, [row], absent=("a.png",)))
    del row["Projection"]
    with pytest.raises(DataError, match=r"\['Projection'\] are missing"):
        padchest(write_padchest(tmp_path, [row]))
    write_padchest(tmp_path, [padchest_row("a.png", "1")])
    (tmp_path / "0.zip").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(DataError, match=r"0\.zip: cannot be read as a zip"):
        padchest(tmp_path)


def test_a_table_of_another_version_is_read_with_one_notice(tmp_path, capsys):
    cohort = padchest(write_padchest(tmp_path, [padchest_row("a.png", "1")]))
    assert len(cohort.images) == 1
    version, bits = capsys.readouterr().err.splitlines()
    assert "expected 160,861 rows, found 1" in version
    assert "16-bit PNG, 12 bits stored in DICOM" in bits


def test_an_image_outside_the_root_is_never_found(tmp_path):
    write_padchest(tmp_path / "root", [padchest_row("../b.png", "1"), padchest_row("a.png", "2")], absent=("../b.png",))
    (tmp_path / "b.png").write_bytes(b"not for us")
    cohort = padchest(tmp_path / "root")
    assert cohort.images["source"].tolist() == ["", "0.zip::a.png"]
    assert cohort.rejected["image_id"].tolist() == ["padchest/../b.png"]


def test_images_in_another_spelling_are_found_or_named(tmp_path, capsys):
    """With `images: present` nobody asks for what is not there, so that a spelling would go unseen."""
    rows = [padchest_row(name, name) for name in ("a.png", "b", "c.jpg", "d.PNG", "e.png")]
    root = write_padchest(tmp_path, rows, absent=("b", "c.jpg", "d.PNG", "e.png"))
    for name in ("b.png", "c.png", "d.png"):
        (root / name).write_bytes(GRAY)
    images = padchest(root, images="present").images
    assert images["source"].tolist() == ["0.zip::a.png", "b.png", "", "", ""]
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "another spelling" in line]
    assert "of the first 3 images that are not there 2 are there in another spelling" in line
    assert f"{PADCHEST_TABLE}, row 4: 'c.jpg'; 'c.png' is there: another ending" in line


def test_two_rows_for_one_file_are_one_image(tmp_path):
    rows = [padchest_row("a", "1"), padchest_row("a.png", "2")]
    root = write_padchest(tmp_path, rows, absent=("a",))
    cohort = padchest(root)
    assert cohort.images[["image_id", "source"]].to_numpy().tolist() == [
        ["padchest/a", "0.zip::a.png"],
        ["padchest/a.png", ""],
    ]
    assert cohort.rejected["reason"].tolist() == ["file of another row too; the first row counts"]
    assert cohort.rejected["detail"].tolist() == [f"{PADCHEST_TABLE}, row 3: 'a.png'; found as 0.zip::a.png"]


def test_a_relative_root_says_where_it_was_looked_for_and_that_copies_need_an_absolute_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=rf"looked for in {tmp_path}\. .*--temp.*--queue.*give an absolute path"):
        padchest("radiographs")
    with pytest.raises(DataError) as error:
        padchest(tmp_path / "radiographs")
    assert "absolute" not in str(error.value)
    (tmp_path / "radiographs").touch()
    with pytest.raises(DataError, match="radiographs: a file, not a folder"):
        padchest("radiographs")


def test_a_view_that_nobody_knows_is_not_called_lateral(tmp_path):
    """PadChest writes UNK in eight rows; 'L' is a lateral view."""
    rows = [padchest_row(f"{view}.png", f"p{view}", Projection=view) for view in ("PA", "L", "UNK", "COSTAL", "")]
    flow = steps(padchest(write_padchest(tmp_path, rows)))
    assert flow["excluded: view not known"] == (2, 2)
    assert flow["excluded: not frontal"] == (2, 2)
    assert "excluded: view not known" not in steps(padchest(write_padchest(tmp_path / "all", rows[:2])))
