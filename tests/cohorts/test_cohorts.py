"""What all cohorts have in common: images located, bad rows rejected, label policies, manifests checked."""

import numpy as np
import pandas as pd
import pytest

from diffchest.cohorts.ingest import read_cohort
from diffchest.cohorts.rejected import check_rejected
from diffchest.contracts.labels import load_labels, write_labels
from diffchest.contracts.manifest import COHORT_ROLES, read_manifest, write_manifest
from diffchest.errors import DataError
from diffchest.params.cohorts import PadchestCohort
from tests.helpers.cohort_roots import padchest_row, steps, write_padchest


def padchest(root, images="all"):
    return read_cohort("padchest", PadchestCohort(format="padchest", root=str(root), images=images))


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
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected 160,861 rows, found 1" in line


def test_an_image_outside_the_root_is_never_found(tmp_path):
    write_padchest(tmp_path / "root", [padchest_row("../b.png", "1"), padchest_row("a.png", "2")], absent=("../b.png",))
    (tmp_path / "b.png").write_bytes(b"not for us")
    cohort = padchest(tmp_path / "root")
    assert cohort.images["source"].tolist() == ["", "0.zip::a.png"]
    assert cohort.rejected["image_id"].tolist() == ["padchest/../b.png"]


@pytest.mark.parametrize(("policy", "uncertain"), [("zeros", 0.0), ("ones", 1.0), ("ignore", np.nan)])
@pytest.mark.parametrize(("blank_is_negative", "blank"), [(True, 0.0), (False, np.nan)])
def test_label_policies(tmp_path, policy, uncertain, blank_is_negative, blank):
    labels = pd.DataFrame({"A": [1.0, -1.0], "B": [np.nan, 0.0]}, index=["x/1", "x/2"], dtype="float32")
    path = tmp_path / "labels.parquet"
    write_labels(path, labels, blank_is_negative=blank_is_negative, uncertain=policy)
    read = load_labels(path, ["x/2", "x/1"])
    expected = pd.DataFrame({"A": [uncertain, 1.0], "B": [0.0, blank]}, index=["x/2", "x/1"], dtype="float32")
    pd.testing.assert_frame_equal(read, expected, check_names=False)
    for asked, code in (("zeros", 0.0), ("ones", 1.0)):  # a reader may be more cautious than the file
        assert load_labels(path, ["x/2"], uncertain=asked).loc["x/2", "A"] == code
    with pytest.raises(DataError, match="'x/3'"):
        load_labels(path, ["x/3"])


def test_a_label_file_without_a_policy_is_refused(tmp_path):
    pd.DataFrame({"image_id": ["x/1"], "A": [1.0]}).to_parquet(tmp_path / "labels.parquet")
    with pytest.raises(DataError, match="does not say what an uncertain label counts as; run `dvc repro ingest`"):
        load_labels(tmp_path / "labels.parquet", ["x/1"])


def test_too_many_rejected_images_stop_with_the_reasons(tmp_path):
    reasons = [f"reason {number:02d}" for number in range(12)] + ["reason 05"]
    rejected = pd.DataFrame({"dataset": "a", "reason": reasons})
    check_rejected(rejected, {"a": 1300}, limit=0.01, report=tmp_path)
    with pytest.raises(DataError, match="13 of 1299 images rejected") as error:
        check_rejected(rejected, {"a": 1299}, limit=0.01, report=tmp_path)
    lines = [line for line in str(error.value).splitlines() if " x " in line]
    assert len(lines) == 10
    assert lines[0] == "  2 x reason 05"


def test_manifests_are_checked(tmp_path):
    rows = [padchest_row("a.png", "1"), padchest_row("b.png", "2")]
    images = padchest(write_padchest(tmp_path, rows)).images
    write_manifest(tmp_path / "m.parquet", images, roles=COHORT_ROLES)
    pd.testing.assert_frame_equal(read_manifest(tmp_path / "m.parquet", roles=COHORT_ROLES), images)
    with pytest.raises(DataError, match="role is not one of pretrain, finetune, test"):
        read_manifest(tmp_path / "m.parquet")
    for change, message in [
        ({"image_id": "padchest/a.png"}, "image_id occurs twice"),
        ({"patient_id": "padchest/"}, "patient_id is empty"),
        ({"dataset": "chexpert"}, "dataset's name"),
    ]:
        with pytest.raises(DataError, match=message):
            write_manifest(tmp_path / "m.parquet", images.assign(**change), roles=COHORT_ROLES)
    with pytest.raises(DataError, match="not sorted"):
        write_manifest(tmp_path / "m.parquet", images.iloc[::-1], roles=COHORT_ROLES)
    with pytest.raises(DataError, match="no such file"):
        read_manifest(tmp_path / "none.parquet")
