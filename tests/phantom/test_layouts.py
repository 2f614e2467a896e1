"""The layouts have the datasets' own names, columns and pixel formats, and equal bytes for any number of processes."""

import gzip
import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from diffchest.findings.vocabulary import DRAWN
from diffchest.phantom.layouts import chexpert, mimic_cxr, padchest
from diffchest.phantom.layouts.chexpert_labels import (
    DEVICE_SHARE,
    DEVICES,
    LABELS,
    SHOWN_AS,
    UNSPECIFIED,
    shown_findings,
)
from diffchest.phantom.layouts.selection import by_patient
from diffchest.phantom.pictures import jpeg, png
from diffchest.phantom.public_labels import PADCHEST_TABLE
from diffchest.phantom.render import stream
from tests.helpers.cohort_roots import take_real_table

SETTINGS = {"confounding": "natural", "size": 32, "seed": 0}


@pytest.fixture
def padchest_table(tmp_path):
    """20 patients with two images each; odd patients are physician-labelled, every fourth row is lateral."""
    rows = [
        {
            "ImageID": f"{patient:03d}_{number}.png",
            "ImageDir": patient % 3,
            "StudyDate_DICOM": 20140915,
            "PatientID": f"00{patient}",
            "PatientBirth": 1950.0,
            "PatientSex_DICOM": "MF"[patient % 2],
            "Projection": "L" if number and patient % 4 == 0 else "PA",
            "PhotometricInterpretation_DICOM": "MONOCHROME1" if patient == 1 else "MONOCHROME2",
            "BitsStored_DICOM": 10 if patient == 3 else 12,
            "MethodLabel": "Physician" if patient % 2 else "RNN_model",
            "Labels": "['cardiomegaly', ' pacemaker ', '']" if number else np.nan,
        }
        for patient in range(20)
        for number in range(2)
    ]
    path = tmp_path / PADCHEST_TABLE
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def chexpert_table(tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.choice([1.0, 0.0, -1.0, np.nan], size=(40, 14)), columns=list(LABELS))
    paths = [f"CheXpert-v1.0-small/train/patient{i // 2:05d}/study1/view{i % 2 + 1}_frontal.jpg" for i in range(40)]
    for position, (name, value) in enumerate(
        {"Path": paths, "Sex": "Female", "Age": 61, "Frontal/Lateral": "Frontal", "AP/PA": "AP"}.items()
    ):
        rows.insert(position, name, value)
    path = tmp_path / "chexpert_train.csv.gz"
    rows.to_csv(path, index=False)
    return path


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def test_padchest_layout(tmp_path, padchest_table):
    root = tmp_path / "padchest"
    count = padchest.write_padchest(padchest_table, root, labelled=None, pretrain=5, workers=1, **SETTINGS)
    assert (root / PADCHEST_TABLE).read_bytes() == padchest_table.read_bytes()
    assert {path.name for path in root.iterdir()} == {PADCHEST_TABLE, "0.zip", "1.zip", "2.zip"}
    pictures = {name: content for number in range(3) for name, content in members(root / f"{number}.zip").items()}
    assert count == len(pictures) == 20 + 5
    rows = pd.read_csv(padchest_table).set_index("ImageID")
    assert set(pictures) <= set(rows.index)
    assert all(rows.loc[name, "Projection"] == "PA" for name in pictures)
    values = {name: np.asarray(Image.open(io.BytesIO(content))) for name, content in pictures.items()}
    assert {value.dtype for value in values.values()} == {np.dtype(np.uint16)}
    assert values["003_0.png"].max() < 1024
    assert 1024 < values["005_0.png"].max() < 4096
    assert values["001_0.png"][0, 0] > 2048 > values["005_0.png"][0, 0], "MONOCHROME1 is stored inverted"


def test_layouts_do_not_depend_on_the_number_of_processes(tmp_path, padchest_table, monkeypatch):
    monkeypatch.setattr("diffchest.phantom.pictures.CHUNK", 7)
    for workers in (1, 2):
        root = tmp_path / str(workers)
        padchest.write_padchest(padchest_table, root, labelled=12, pretrain=3, workers=workers, **SETTINGS)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_zips_are_sorted_stored_and_dated(tmp_path, padchest_table):
    padchest.write_padchest(padchest_table, tmp_path / "p", labelled=None, pretrain=0, workers=1, **SETTINGS)
    with zipfile.ZipFile(tmp_path / "p" / "1.zip") as archive:
        infos = archive.infolist()
    assert [info.filename for info in infos] == sorted(info.filename for info in infos)
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}


def test_interrupted_zip_never_has_its_final_name(tmp_path, padchest_table, monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("diffchest.phantom.pictures._draw_chunk", interrupt)
    with pytest.raises(KeyboardInterrupt):
        padchest.write_padchest(padchest_table, tmp_path / "p", labelled=None, pretrain=0, workers=1, **SETTINGS)
    assert not list((tmp_path / "p").glob("*.zip"))


def test_padchest_choice_counts_and_cells(padchest_table):
    rows = pd.read_csv(padchest_table, dtype={"PatientID": str})
    chosen = padchest.choose(rows, labelled=7, pretrain=4, seed=1)
    physician = chosen[chosen["MethodLabel"] == "Physician"]
    assert (len(physician), len(chosen)) == (7, 11)
    assert not set(physician["PatientID"]) & set(chosen[chosen["MethodLabel"] != "Physician"]["PatientID"])
    assert padchest.findings("['cardiomegaly', ' pacemaker ', '']") == ("cardiomegaly", "pacemaker")
    assert padchest.findings(np.nan) == ()


def test_real_padchest_counts(root, tmp_path):
    """26,432 images of 24,239 patients are labelled by a physician; 68,298 of 43,008 patients can be pretrained on."""
    path = tmp_path / PADCHEST_TABLE
    take_real_table(root, PADCHEST_TABLE, path)
    columns = ["PatientID", "Projection", "MethodLabel"]
    rows = pd.read_csv(path, usecols=columns, dtype={"PatientID": str})
    chosen = padchest.choose(rows, labelled=None, pretrain=10**6, seed=0)
    physician = chosen["MethodLabel"] == "Physician"
    assert (physician.sum(), chosen.loc[physician, "PatientID"].nunique()) == (26_432, 24_239)
    assert ((~physician).sum(), chosen.loc[~physician, "PatientID"].nunique()) == (68_298, 43_008)


def test_choice_does_not_depend_on_the_table_order():
    rows = pd.DataFrame({"patient": [f"p{i % 9}" for i in range(40)], "image": range(40)})
    patients = [
        set(by_patient(table, "patient", 13, seed=3, purpose="x")["patient"]) for table in (rows, rows.sample(frac=1))
    ]
    assert patients[0] == patients[1]
    assert len(by_patient(rows, "patient", 13, seed=3, purpose="x")) == 13


def test_chexpert_layout(tmp_path, chexpert_table):
    root = tmp_path / "chexpert"
    assert chexpert.write_chexpert(chexpert_table, root, pretrain=10, test_studies=30, workers=1, **SETTINGS) == 40
    assert (root / "train.csv").read_bytes() == gzip.decompress(chexpert_table.read_bytes())
    pictures = members(root / "CheXpert-v1.0-small.zip")
    tests = [name for name in pictures if name.startswith("CheXpert-v1.0-small/test/patient")]
    assert (len(tests), len(pictures)) == (30, 40)
    assert Image.open(io.BytesIO(pictures[tests[0]])).format == "JPEG"
    assert pd.read_csv(root / "test.csv")["Path"].tolist() == sorted(tests)


def test_ground_truth_is_the_majority_of_five_readers(tmp_path, chexpert_table):
    root = tmp_path / "chexpert"
    chexpert.write_chexpert(chexpert_table, root, pretrain=0, test_studies=200, workers=1, **SETTINGS)
    truth = pd.read_csv(root / "groundtruth.csv", index_col="Study")
    assert truth.index[0] == "CheXpert-v1.0/test/patient64741/study1"
    assert list(truth.columns) == list(LABELS)
    readers = {path.stem: pd.read_csv(path, index_col="Study") for path in (root / "radiologists").iterdir()}
    ours = {name for name in readers if name.endswith("_groundtruth")}
    assert ours == {f"bc{number}_groundtruth" for number in (1, 2, 3, 5, 7)}
    assert set(readers) - ours == {f"bc{number}_benchmark" for number in (4, 6, 8)}
    votes = sum(readers[name] for name in ours)
    pd.testing.assert_frame_equal(truth, (votes >= 3).astype(int))
    sensitivity, specificity = chexpert.BENCHMARK_READERS["bc4"]
    read = readers["bc4_benchmark"].to_numpy()[truth.to_numpy() == 1].mean()
    assert read == pytest.approx(sensitivity, abs=0.08)
    assert 1 - readers["bc4_benchmark"].to_numpy()[truth.to_numpy() == 0].mean() == pytest.approx(specificity, abs=0.05)


def test_mimic_layout(tmp_path, chexpert_table):
    root = tmp_path / "mimic_cxr"
    assert mimic_cxr.write_mimic_cxr(chexpert_table, root, pretrain=60, workers=1, **SETTINGS) == 60
    read = {name: pd.read_csv(root / f"mimic-cxr-2.0.0-{name}.csv.gz") for name in ("metadata", "chexpert", "split")}
    merged = read["metadata"].merge(read["split"], on=["dicom_id", "study_id", "subject_id"], validate="one_to_one")
    frontal = merged[merged["ViewPosition"].isin(["AP", "PA"]) & (merged["split"] == "train")]
    expected = {
        f"files/p{str(row.subject_id)[:2]}/p{row.subject_id}/s{row.study_id}/{row.dicom_id}.jpg"
        for row in frontal.itertuples()
    }
    assert set(members(root / "files.zip")) == expected
    assert len(expected) == 60
    assert "LATERAL" in set(merged["ViewPosition"])
    assert list(read["chexpert"].columns) == ["subject_id", "study_id", *sorted(LABELS)]
    assert not read["chexpert"]["study_id"].duplicated().any()
    assert set(read["metadata"]["study_id"]) == set(read["chexpert"]["study_id"])


def test_chexpert_labels_show_as_drawn_findings():
    assert {name for names in SHOWN_AS.values() for name in names} | set(UNSPECIFIED) | set(DEVICES) <= set(DRAWN)
    assert sum(DEVICE_SHARE) == pytest.approx(1)
    labels = dict.fromkeys(LABELS, np.nan)
    assert shown_findings(labels | {"Edema": -1.0, "Cardiomegaly": 0.0}, stream(0)) == ()
    assert shown_findings(labels | {"Edema": 1.0, "Lung Opacity": 1.0}, stream(0)) == ("interstitial pattern",)
    assert 1 <= len(shown_findings(labels | {"Support Devices": 1.0}, stream(0))) <= 3


def test_encodings_keep_the_picture():
    image = np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32)
    for bits in (10, 12):
        stored = np.asarray(Image.open(io.BytesIO(png(image, bits))), np.float32) / (2**bits - 1)
        assert np.abs(stored - image).max() <= 0.5 / (2**bits - 1) + 1e-6
    inverted = np.asarray(Image.open(io.BytesIO(png(image, 12, inverted=True))))
    assert inverted[0, 0] == 4095
    decoded = np.asarray(Image.open(io.BytesIO(jpeg(image))), np.float32) / 255
    assert np.abs(decoded - image).max() < 0.05
