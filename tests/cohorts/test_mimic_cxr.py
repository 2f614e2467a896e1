"""MIMIC-CXR: frontal images of the official training split, as JPEG or DICOM files."""

import pandas as pd
import pytest

from diffchest.cohorts.ingest import read_cohort
from diffchest.errors import DataError
from diffchest.params.cohorts import MimicCxrCohort
from tests.helpers.cohort_roots import steps, write_mimic_cxr

NAME = "mimic-cxr-2.0.0-{}.csv.gz"


def mimic_cxr(root):
    return read_cohort("mimic_cxr", MimicCxrCohort(format="mimic_cxr", root=str(root)))


def change(root, name, edit):
    path = root / NAME.format(name)
    edit(pd.read_csv(path, dtype=str)).to_csv(path, index=False)


@pytest.mark.parametrize("suffix", ["jpg", "dcm"])
def test_keeps_frontal_images_of_the_training_split(tmp_path, suffix):
    cohort = mimic_cxr(write_mimic_cxr(tmp_path, suffix))
    assert cohort.images["image_id"].tolist() == ["mimic_cxr/aa-1", "mimic_cxr/bb-1"]
    assert cohort.images["source"].iloc[0] == f"files/p10/p10000001/s50000001/aa-1.{suffix}"
    assert cohort.images["role"].unique().tolist() == ["pretrain"]
    assert cohort.images["patient_id"].tolist() == ["mimic_cxr/10000001", "mimic_cxr/10000002"]
    assert cohort.labels["Pneumonia"].tolist()[0] == 1.0
    assert cohort.labels.loc["mimic_cxr/bb-1"].isna().all()
    assert cohort.blank_is_negative
    flow = steps(cohort)
    assert flow["frontal (AP, PA)"] == (3, 3)
    assert flow["excluded: official validation and test splits"] == (1, 1)
    assert "excluded: not in the split table" not in flow


def test_an_image_that_the_split_table_lacks_is_left_out_and_counted(tmp_path):
    root = write_mimic_cxr(tmp_path)
    change(root, "split", lambda rows: rows[rows["dicom_id"] != "bb-1"])
    cohort = mimic_cxr(root)
    assert cohort.images["image_id"].tolist() == ["mimic_cxr/aa-1"]
    assert steps(cohort)["excluded: not in the split table"] == (1, 1)


def test_a_table_of_another_version_is_read_with_one_notice(tmp_path, capsys):
    mimic_cxr(write_mimic_cxr(tmp_path))
    (line,) = capsys.readouterr().err.splitlines()
    assert "mimic-cxr-2.0.0-metadata.csv.gz: expected 377,110 rows, found 4" in line


def test_repeated_and_empty_ids_of_the_metadata_are_rejected(tmp_path):
    root = write_mimic_cxr(tmp_path)
    change(
        root,
        "metadata",
        lambda rows: pd.concat([rows, rows.head(1), rows.tail(1).assign(subject_id="", dicom_id="dd-1")]),
    )
    assert mimic_cxr(root).rejected[["image_id", "reason"]].to_numpy().tolist() == [
        ["mimic_cxr/aa-1", "image id occurs more than once; the first row counts"],
        ["mimic_cxr/dd-1", "patient id is empty"],
    ]


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("split", lambda rows: pd.concat([rows, rows]), "dicom_id 'aa-1' has more than one row"),
        ("chexpert", lambda rows: pd.concat([rows, rows]), "study_id '50000001' has more than one row"),
        ("chexpert", lambda rows: rows.assign(Edema="2"), "column 'Edema', row 2: expected .* found '2'"),
        ("chexpert", lambda rows: rows.drop(columns="Edema"), r"\['Edema'\] are missing"),
        ("metadata", lambda rows: rows.drop(columns="ViewPosition"), r"\['ViewPosition'\] are missing"),
    ],
)
def test_bad_tables_are_named(tmp_path, name, edit, message):
    root = write_mimic_cxr(tmp_path)
    change(root, name, edit)
    with pytest.raises(DataError, match=rf"{name}\.csv\.gz: .*{message}"):
        mimic_cxr(root)


@pytest.mark.parametrize("name", ["metadata", "split", "chexpert"])
def test_a_missing_table_is_named(tmp_path, name):
    root = write_mimic_cxr(tmp_path)
    (root / NAME.format(name)).unlink()
    with pytest.raises(DataError, match=rf"{name}\.csv: no such table"):
        mimic_cxr(root)
