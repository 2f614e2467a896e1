"""Each cohort format: what is kept, with which role, source and labels; and what bad input does."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from diffchest.cohorts.chexpert import FINDINGS, read_readers
from diffchest.cohorts.ingest import read_cohort
from diffchest.cohorts.labels import load_labels, write_labels
from diffchest.cohorts.rejected import check_rejected
from diffchest.cohorts.schema import COHORT_ROLES, read_manifest, write_manifest
from diffchest.errors import DataError
from diffchest.params import ChexpertCohort, MimicCxrCohort, PadchestCohort
from tests.cohort_roots import padchest_row, write_chexpert, write_mimic_cxr, write_padchest, write_study_table

REAL_TABLE = "data/tables/PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
CHEXPERT_PATHS = [
    "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg",
    "CheXpert-v1.0-small/train/patient00001/study1/view2_lateral.jpg",
    "CheXpert-v1.0-small/train/patient00002/study1/view1_frontal.jpg",
]


def padchest(root, images="all"):
    return read_cohort("padchest", PadchestCohort(format="padchest", root=str(root), images=images))


def steps(cohort):
    return {row.step: (row.images, row.patients) for row in cohort.flow.itertuples()}


def test_padchest_roles_labels_and_flow(tmp_path):
    rows = [
        padchest_row("b.png", "1", Labels="['cardiomegaly ', '', ' pacemaker']"),
        padchest_row("a.png", "1", MethodLabel="RNN_model"),
        padchest_row("c.png", "2", Projection="L"),
        padchest_row("d.png", "2", Projection="AP_horizontal", MethodLabel="RNN_model", Labels="nan"),
        padchest_row("e.png", "3", Projection="AP", PhotometricInterpretation_DICOM="MONOCHROME1"),
    ]
    cohort = padchest(write_padchest(tmp_path, rows))
    images = cohort.images.set_index("image_id")
    assert images["role"].to_dict() == {
        "padchest/b.png": "probe",
        "padchest/d.png": "pretrain",
        "padchest/e.png": "probe",
    }
    assert images.loc["padchest/b.png", ["patient_id", "source", "sex", "age", "bits_stored"]].tolist() == [
        "padchest/1",
        "0.zip::b.png",
        "F",
        65.0,
        12,
    ]
    assert images["inverted"].tolist() == [False, False, True]
    assert list(cohort.labels.columns) == ["cardiomegaly", "normal", "pacemaker"]
    assert cohort.labels.loc["padchest/b.png"].tolist() == [1.0, 0.0, 1.0]
    assert cohort.labels.loc["padchest/d.png"].isna().all()
    flow = steps(cohort)
    assert flow["listed in the table"] == (5, 3)
    assert flow["frontal (PA, AP, AP_horizontal)"] == (4, 3)
    assert flow["labelled by a physician"] == (2, 2)
    assert flow["patients without a radiograph labelled by a physician"] == (1, 1)


def test_padchest_folders_of_unpacked_images(tmp_path):
    root = write_padchest(tmp_path, [padchest_row("a.png", "1")])
    with zipfile.ZipFile(root / "0.zip") as archive:
        archive.extractall(root / "0")
    (root / "0.zip").unlink()
    assert padchest(root).images["source"].tolist() == ["0/a.png"]


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
    with pytest.raises(DataError, match="'Labels': expected a list"):
        padchest(write_padchest(tmp_path, [padchest_row("a.png", "1", Labels="[normal")]))
    write_padchest(tmp_path, [padchest_row("a.png", "1")])
    (tmp_path / "0.zip").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(DataError, match=r"0\.zip: cannot be read as a zip"):
        padchest(tmp_path)


def test_padchest_counts_of_the_real_table(root, tmp_path):
    table = root / REAL_TABLE
    if not table.is_file():
        pytest.skip("run `dvc repro tables` to have the real table")
    (tmp_path / table.name).symlink_to(table)
    columns = ["ImageID", "Projection", "MethodLabel"]
    image = (
        pd.read_csv(table, usecols=columns)
        .query("Projection == 'PA' and MethodLabel == 'Physician'")["ImageID"]
        .iloc[0]
    )
    (tmp_path / image).write_bytes(b"")
    cohort = padchest(tmp_path, images="present")
    flow = steps(cohort)
    assert flow["listed in the table"][0] == 160_861
    assert flow["frontal (PA, AP, AP_horizontal)"][0] == 110_633
    assert flow["labelled by a physician"] == (26_432, 24_239)
    assert flow["patients without a radiograph labelled by a physician"] == (68_298, 43_008)
    roles = cohort.images.groupby("role")["patient_id"].nunique()
    assert roles.to_dict() == {"pretrain": 43_008, "probe": 24_239}


def test_chexpert_training_and_test_sets(tmp_path):
    test = ("patient64741/study1", "patient64742/study1")
    root = write_chexpert(tmp_path, CHEXPERT_PATHS, test=test)
    cohort = read_cohort("chexpert", ChexpertCohort(format="chexpert", root=str(root)))
    assert cohort.images["role"].tolist() == ["test", "test", "pretrain", "pretrain"]
    first = cohort.images.iloc[-2]
    assert first["image_id"] == "chexpert/train/patient00001/study1/view1_frontal.jpg"
    assert (first["patient_id"], first["study_id"]) == ("chexpert/patient00001", "patient00001/study1")
    assert (first["view"], first["sex"], first["age"]) == ("AP", "M", 61.0)
    assert cohort.labels.loc[first["image_id"], "Edema"] == -1
    assert np.isnan(cohort.labels.loc[first["image_id"], "Fracture"])
    assert cohort.labels.iloc[0][["Edema", "Lung Lesion", "Lung Opacity"]].tolist() == [1, 1, 0]
    assert steps(cohort)["frontal"] == (2, 2)
    assert cohort.blank_is_negative


def test_readers_are_read_by_column_name(tmp_path):
    root = write_chexpert(tmp_path, CHEXPERT_PATHS, test=("patient64741/study1",))
    assert read_readers(root) == {}
    for reader in ("bc4", "bc6", "bc8"):
        path = root / "radiologists" / f"{reader}_benchmark.csv"
        write_study_table(path, ("patient64741/study1",), FINDINGS[::-1])
    readers = read_readers(root)
    assert list(readers) == ["bc4", "bc6", "bc8"]
    assert readers["bc6"].loc["patient64741/study1", ["Lung Lesion", "Lung Opacity"]].tolist() == [1, 0]
    path.unlink()
    with pytest.raises(DataError, match="bc8"):
        read_readers(root)


def test_real_reader_files(shared):
    readers = read_readers(shared / "data" / "chexpert_test")
    assert {name: table.shape for name, table in readers.items()} == dict.fromkeys(("bc4", "bc6", "bc8"), (500, 14))
    raw = pd.read_csv(shared / "data" / "chexpert_test" / "radiologists" / "bc4_benchmark.csv")
    assert (readers["bc4"]["Lung Opacity"].to_numpy() == raw["Lung Opacity"].to_numpy()).all()


def test_mimic_cxr_keeps_frontal_images_of_the_training_split(tmp_path):
    cohort = read_cohort("mimic_cxr", MimicCxrCohort(format="mimic_cxr", root=str(write_mimic_cxr(tmp_path))))
    assert cohort.images["image_id"].tolist() == ["mimic_cxr/aa-1", "mimic_cxr/bb-1"]
    assert cohort.images["source"].iloc[0] == "files/p10/p10000001/s50000001/aa-1.jpg"
    assert cohort.images["role"].unique().tolist() == ["pretrain"]
    assert cohort.labels["Pneumonia"].tolist()[0] == 1.0
    assert cohort.labels.loc["mimic_cxr/bb-1"].isna().all()


@pytest.mark.parametrize(("policy", "uncertain"), [("zeros", 0.0), ("ones", 1.0), ("ignore", np.nan)])
@pytest.mark.parametrize(("blank_is_negative", "blank"), [(True, 0.0), (False, np.nan)])
def test_label_policies(tmp_path, policy, uncertain, blank_is_negative, blank):
    labels = pd.DataFrame({"A": [1.0, -1.0], "B": [np.nan, 0.0]}, index=["x/1", "x/2"], dtype="float32")
    write_labels(tmp_path / "labels.parquet", labels, blank_is_negative=blank_is_negative)
    read = load_labels(tmp_path / "labels.parquet", ["x/2", "x/1"], uncertain=policy)
    expected = pd.DataFrame({"A": [uncertain, 1.0], "B": [0.0, blank]}, index=["x/2", "x/1"], dtype="float32")
    pd.testing.assert_frame_equal(read, expected, check_names=False)
    with pytest.raises(DataError, match="'x/3'"):
        load_labels(tmp_path / "labels.parquet", ["x/3"])


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
