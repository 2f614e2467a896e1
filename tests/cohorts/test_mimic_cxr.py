"""MIMIC-CXR: frontal images of the official training split, as JPEG or DICOM files."""

import numpy as np
import pandas as pd
import pytest

from diffchest.cohorts.ingest import read_cohort
from diffchest.cohorts.splits import assign_roles
from diffchest.errors import DataError
from diffchest.params.cohorts import MimicCxrCohort
from tests.helpers.cohort_roots import steps, write_mimic_cxr

NAME = "mimic-cxr-2.0.0-{}.csv.gz"


def mimic_cxr(root, **options):
    return read_cohort("mimic_cxr", MimicCxrCohort(format="mimic_cxr", root=str(root), **options))


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


def write_validate(root):
    """bb-1 in the official validation split."""
    change(root, "split", lambda rows: rows.assign(split=rows["split"].mask(rows["dicom_id"] == "bb-1", "validate")))
    return root


def test_the_official_split_to_fine_tune_and_test(tmp_path):
    root = write_validate(write_mimic_cxr(tmp_path))
    expected = {"mimic_cxr/aa-1": "finetune", "mimic_cxr/cc-1": "test"}
    for validation, more in [("test", 1), ("finetune", 1), ("leave_out", 0)]:
        cohort = mimic_cxr(root, use="official", validation=validation)
        roles = cohort.images.set_index("image_id")["role"].to_dict()
        assert roles == expected | dict.fromkeys(["mimic_cxr/bb-1"] if more else [], validation)
        assert cohort.labels.loc["mimic_cxr/aa-1", "Pneumonia"] == 1
        assert assign_roles(cohort.images, test_fraction=0.9, seed=0).equals(cohort.images)
        assert steps(cohort)["in the official splits"] == (2 + more, 2 + more)
    assert mimic_cxr(root, use="probe").images["role"].tolist() == ["probe"] * 3
    assert mimic_cxr(root).images["image_id"].tolist() == ["mimic_cxr/aa-1"]


def write_patients(path, **changes):
    """Two patients as MIMIC-IV has them; 10000003 is not among them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {
        "subject_id": [10000001, 10000002],
        "gender": ["F", "M"],
        "anchor_age": [52, 91],
        "anchor_year": [2180, 2150],
        "anchor_year_group": ["2014 - 2016", "2008 - 2010"],
        "dod": ["2180-01-01", ""],
    }
    pd.DataFrame(rows | changes).to_csv(path, index=False)


def test_sex_and_age_come_from_the_patients_of_mimic_iv(tmp_path, capsys):
    """Age = anchor_age + year of the study - anchor_year, as MIMIC-IV's own queries reckon it."""
    root = write_mimic_cxr(tmp_path / "cxr")
    change(root, "metadata", lambda rows: rows.assign(StudyDate=["21770203", "21770203", "21511231", "21000101"]))
    unknown = mimic_cxr(root, use="official").images
    assert unknown["sex"].unique().tolist() == [""]
    assert unknown["age"].isna().all()
    write_patients(tmp_path / "mimiciv" / "hosp" / "patients.csv.gz")
    for patients in ("../mimiciv/hosp/patients.csv.gz", str(tmp_path / "mimiciv" / "hosp" / "patients.csv.gz")):
        capsys.readouterr()
        images = mimic_cxr(root, use="official", patients=patients).images
        assert images["sex"].tolist() == ["F", "M", ""]
        np.testing.assert_array_equal(images["age"], [52 - 3, 91 + 1, np.nan])
        assert "1 of 3 patients are not there; age and sex not known" in capsys.readouterr().err
    (root / "hosp").mkdir()
    (tmp_path / "mimiciv" / "hosp" / "patients.csv.gz").rename(root / "hosp" / "patients.csv.gz")
    assert mimic_cxr(root).images["sex"].tolist() == ["F", "M"]  # beside the other tables
    with pytest.raises(DataError, match=r"nowhere\.csv: no such table; set `cohorts.<dataset>.patients`"):
        mimic_cxr(root, patients="nowhere.csv")
    write_patients(root / "hosp" / "patients.csv.gz", anchor_year=[2080, 2150])  # 52 + 97 years is no age
    cohort = mimic_cxr(root)
    np.testing.assert_array_equal(cohort.images["age"], [np.nan, 91 + 1])
    told = cohort.understood.set_index("what")["example"]
    assert told["anchor_age: not understood as age"] == "such as '52 in 2080 at 21770203'"
    capsys.readouterr()
    write_patients(root / "hosp" / "patients.csv.gz", subject_id=["10000001.0", "10000002.0"])
    mimic_cxr(root)
    assert "3 of 3 patients are not there; age and sex not known (2 of them are equal up to" in capsys.readouterr().err
    write_patients(root / "hosp" / "patients.csv.gz", subject_id=[10000001, 10000001])
    with pytest.raises(DataError, match=r"patients\.csv\.gz: subject_id '10000001' has more than one row"):
        mimic_cxr(root)


def test_a_blank_view_position_is_not_called_lateral(tmp_path):
    root = write_mimic_cxr(tmp_path)
    change(root, "metadata", lambda rows: rows.assign(ViewPosition=["", "LATERAL", "AP", "AP"]))
    flow = steps(mimic_cxr(root))
    assert flow["excluded: view not known"] == (1, 1)
    assert flow["excluded: not frontal"] == (1, 1)
    assert flow["frontal (AP, PA)"] == (2, 2)
