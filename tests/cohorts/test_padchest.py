"""PadChest: roles by patient, and the quirks of its table."""

import contextlib
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffchest.cohorts.ingest import read_cohort
from diffchest.cohorts.intake import ABSENT
from diffchest.cohorts.listed import listed_names
from diffchest.cohorts.padchest import _labels, read_padchest
from diffchest.errors import DataError
from diffchest.params.cohorts import PadchestCohort
from diffchest.phantom.public_labels import PADCHEST_TABLE
from tests.helpers.cohort_roots import GRAY, padchest_row, steps, take_real_table, write_padchest


def padchest(root):
    return read_cohort("padchest", PadchestCohort(format="padchest", root=str(root)))


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


def test_images_lie_in_any_of_the_zips_or_folders(tmp_path):
    root = write_padchest(tmp_path, [padchest_row(name, "1") for name in ("a.png", "b.png", "c.png")])
    with zipfile.ZipFile(root / "0.zip") as archive:
        archive.extract("a.png", root / "0")
    (root / "0.zip").unlink()
    for number, name in [(1, "b.png"), (54, "c.png")]:
        with zipfile.ZipFile(root / f"{number}.zip", "w") as archive:
            archive.writestr(name, GRAY)
    assert padchest(root).images["source"].tolist() == ["0/a.png", "1.zip::b.png", "54.zip::c.png"]


def test_mixed_type_patient_ids_stay_text(tmp_path):
    ids = ["12", "12 ", "0012", "839860488694292331637988235681460987", "a7", "12.0"]
    rows = [padchest_row(f"{number}.png", patient) for number, patient in enumerate(ids)]
    cohort = padchest(write_padchest(tmp_path, rows))
    assert cohort.images["patient_id"].tolist() == [f"padchest/{patient.strip()}" for patient in ids]


def test_missing_values_are_not_known(tmp_path):
    row = padchest_row(
        "a.png", "1", PatientBirth="nan", PatientSex_DICOM="O", BitsStored_DICOM="", PhotometricInterpretation_DICOM=""
    )
    image = padchest(write_padchest(tmp_path, [row])).images.iloc[0]
    assert np.isnan(image["age"])
    assert image[["sex", "bits_stored", "inverted"]].tolist() == ["", 12, False]  # no bits: from its pixels of 2048


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("['nodule', 'nodule ', ' nodule']", [1.0, 0.0]),  # one finding
        ("['', 'nodule']", [1.0, 0.0]),
        ("[]", [0.0, 0.0]),
        ("['']", [0.0, 0.0]),
        ("nan", [np.nan, np.nan]),
        ("", [np.nan, np.nan]),
    ],
)
def test_label_cells(tmp_path, cell, expected):
    rows = [padchest_row("a.png", "1", Labels=cell), padchest_row("b.png", "2", Labels="['nodule', 'normal']")]
    labels = padchest(write_padchest(tmp_path, rows)).labels
    assert list(labels.columns) == ["nodule", "normal"]
    np.testing.assert_array_equal(labels.loc["padchest/a.png"], expected)


@pytest.mark.parametrize("cell", ["[normal", "normal", "'normal'", "{'normal': 1}", "7", "['normal'] and more"])
def test_a_label_cell_that_is_no_list_is_named(tmp_path, cell):
    with pytest.raises(DataError, match=r"PADCHEST.*column 'Labels': expected a list") as error:
        padchest(write_padchest(tmp_path, [padchest_row("a.png", "1", Labels=cell)]))
    assert repr(cell) in str(error.value)


@given(st.lists(st.text(), min_size=1))
def test_a_list_as_python_writes_it_gives_its_names(names):
    expected = sorted({name.strip() for name in names} - {""})
    labels = _labels(pd.Series([repr(names)]), "x")
    assert list(labels.columns) == expected
    assert (labels == 1).all(axis=None)


@given(st.text(alphabet="[]{}()'\" ,:\\nab0-\x00") | st.text())
def test_any_cell_gives_names_or_an_error(cell):
    with contextlib.suppress(DataError):
        assert all(name and name == name.strip() for name in _labels(pd.Series([cell]), "x"))


def test_counts_of_the_real_table(root, tmp_path, capsys):
    take_real_table(root, PADCHEST_TABLE, tmp_path / PADCHEST_TABLE)
    cohort = read_padchest("padchest", PadchestCohort(format="padchest", root=str(tmp_path), images="present"))
    assert capsys.readouterr().err == ""
    cells = cohort.understood.set_index("what")[["number", "of", "example"]]
    assert cells.loc["Projection: not understood as view"].tolist() == [11, 160_861, "such as 'EXCLUDE'"]
    assert cells.loc["PatientSex_DICOM: not understood as sex"].tolist() == [18, 160_861, "such as 'O'"]
    flow = steps(cohort)
    assert flow["listed in the table"][0] == 160_861
    assert flow["frontal (PA, AP, AP_horizontal)"][0] == 110_633
    assert flow["labelled by a physician"] == (26_432, 24_239)
    assert flow["patients without a radiograph labelled by a physician"] == (68_298, 43_008)
    roles = cohort.images.groupby("role")["patient_id"].nunique()
    assert roles.to_dict() == {"pretrain": 43_008, "probe": 24_239}
    assert len(cohort.rejected) == len(cohort.images)  # none is there
    assert cohort.rejected["reason"].unique().tolist() == [ABSENT]


def test_label_names_of_the_real_table(root, tmp_path):
    take_real_table(root, PADCHEST_TABLE, tmp_path / PADCHEST_TABLE)
    table = pd.read_csv(tmp_path / PADCHEST_TABLE, usecols=["Labels"], dtype=str, keep_default_na=False)["Labels"]
    assert (table == "nan").sum() == 103
    lists = [listed_names(cell, where="x") for cell in table.unique() if cell != "nan"]
    assert len({name for names in lists for name in names}) == 193
