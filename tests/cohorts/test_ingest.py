"""What all cohorts have in common: images located, bad rows rejected, label policies, manifests checked."""

import pytest

from diffchest.errors import DataError
from tests.helpers.cohort_roots import padchest, padchest_row, steps, write_padchest


def test_absent_images_are_listed_with_present_and_rejected_with_all(tmp_path):
    root = write_padchest(tmp_path, [padchest_row("a.png", "1"), padchest_row("b.png", "2")], absent=("b.png",))
    present = padchest(root, images="present")
    assert present.images["source"].tolist() == ["0.zip::a.png", ""]
    assert list(present.labels.index) == ["padchest/a.png"]
    assert present.rejected.empty
    rejected = padchest(root, images="all").rejected
    assert rejected[["image_id", "reason"]].to_numpy().tolist() == [["padchest/b.png", "image is not in the root"]]


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
    with pytest.raises(DataError, match="none of the 1 images"):
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
