"""Small cohorts in native layouts, written by the tests themselves."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from diffchest.cohorts.chexpert import FINDINGS
from diffchest.cohorts.cohort import Cohort
from diffchest.cohorts.ingest import read_cohort
from diffchest.files.wheels import DOWNLOADS
from diffchest.params.cohorts import PadchestCohort
from diffchest.paths import PUBLIC_TABLES
from diffchest.phantom.public_labels import FOLDER, WHEEL
from tests.helpers.repository import without_tables

PADCHEST_TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"


def png(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="PNG")
    return buffer.getvalue()


def jpeg(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="JPEG", quality=95)
    return buffer.getvalue()


GRAY = png(np.full((20, 30), 2048, dtype=np.uint16))
PHOTO = jpeg(np.full((20, 30), 128, dtype=np.uint8))


def take_real_table(repository: Path, name: str, target: Path) -> None:
    """Put a real public table at `target`; skips the test where the pipeline has not fetched it."""
    table, wheel = repository / PUBLIC_TABLES / name, repository / DOWNLOADS / WHEEL.file
    if table.is_file():
        target.symlink_to(table)
    elif wheel.is_file():
        with zipfile.ZipFile(wheel) as archive:
            target.write_bytes(archive.read(f"{FOLDER}/{name}"))
    else:
        without_tables()


def steps(cohort: Cohort) -> dict[str, tuple[int, int]]:
    """Images and patients of each step of the study flow."""
    return {row.step: (row.images, row.patients) for row in cohort.flow.itertuples()}


def padchest_row(image: str, patient: str, **changes: str) -> dict[str, str]:
    row = {
        "ImageID": image,
        "StudyID": f"s{image}",
        "PatientID": patient,
        "StudyDate_DICOM": "20150102",
        "PatientBirth": "1950.0",
        "PatientSex_DICOM": "F",
        "Projection": "PA",
        "MethodLabel": "Physician",
        "Labels": "['normal']",
        "BitsStored_DICOM": "12",
        "PhotometricInterpretation_DICOM": "MONOCHROME2",
    }
    return row | changes


def write_padchest(root: Path, rows: list[dict[str, str]], *, absent: tuple[str, ...] = ()) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    with gzip.open(root / PADCHEST_TABLE, "wt") as file:
        pd.DataFrame(rows).to_csv(file)
    with zipfile.ZipFile(root / "0.zip", "w") as archive:
        for name in sorted({row["ImageID"] for row in rows} - set(absent) - {""}):
            archive.writestr(name, GRAY)
    return root


def write_chexpert(root: Path, paths: list[str], *, test: tuple[str, ...] = ()) -> Path:
    """Write the small layout: every image is frontal unless its path says lateral; see `write_view_table`."""
    root.mkdir(parents=True, exist_ok=True)
    write_view_table(root / "train.csv", paths)
    tests = [f"CheXpert-v1.0-small/test/{study}/view1_frontal.jpg" for study in test]
    with zipfile.ZipFile(root / "CheXpert-v1.0-small.zip", "w") as archive:
        for path in [*paths, *tests]:
            archive.writestr(path, PHOTO)
    if test:
        write_study_table(root / "groundtruth.csv", test, FINDINGS)
    return root


def write_view_table(path: Path, images: list[str], **changes: str) -> None:
    """A table like CheXpert's train.csv; the only label that is not blank is Edema, -1."""
    rows = pd.DataFrame({"Path": images, "Sex": "Male", "Age": 61, "AP/PA": "AP"}).reindex(
        columns=["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS]
    )
    rows["Frontal/Lateral"] = ["Lateral" if "lateral" in image else "Frontal" for image in images]
    rows["Edema"] = -1.0
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.assign(**changes).to_csv(path, index=False)


def write_photos(root: Path, paths: list[str], photo: bytes = PHOTO) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(photo)


def write_study_table(path: Path, studies: tuple[str, ...], columns: list[str]) -> None:
    """Every study has Edema and Lung Lesion only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"Study": [f"CheXpert-v1.0/test/{study}" for study in studies]})
    for column in columns:
        frame[column] = int(column in ("Edema", "Lung Lesion"))
    frame.to_csv(path, index=False)


def write_mimic_cxr(root: Path, suffix: str = "jpg") -> Path:
    """Four images: two AP/PA of the training split, a lateral one, and one of the official test split."""
    root.mkdir(parents=True, exist_ok=True)
    images = pd.DataFrame(
        {
            "dicom_id": ["aa-1", "aa-2", "bb-1", "cc-1"],
            "subject_id": [10000001, 10000001, 10000002, 10000003],
            "study_id": [50000001, 50000001, 50000002, 50000003],
            "ViewPosition": ["PA", "LATERAL", "AP", "AP"],
            "split": ["train", "train", "train", "test"],
        }
    )
    labels = (
        images[["subject_id", "study_id"]]
        .drop_duplicates()
        .head(1)
        .reindex(columns=["subject_id", "study_id", *sorted(FINDINGS)])
    )
    labels["Pneumonia"] = 1.0
    images.drop(columns="split").to_csv(root / "mimic-cxr-2.0.0-metadata.csv.gz", index=False)
    images[["dicom_id", "study_id", "subject_id", "split"]].to_csv(root / "mimic-cxr-2.0.0-split.csv.gz", index=False)
    labels.to_csv(root / "mimic-cxr-2.0.0-chexpert.csv.gz", index=False)
    for row in images.itertuples():
        study = root / "files" / "p10" / f"p{row.subject_id}" / f"s{row.study_id}"
        write_photos(study, [f"{row.dicom_id}.{suffix}"])
    return root


def nih_row(image: str, patient: str, **changes: str) -> dict[str, str]:
    row = {
        "Image Index": image,
        "Finding Labels": "No Finding",
        "Follow-up #": "0",
        "Patient ID": patient,
        "Patient Age": "58",
        "Patient Gender": "F",
        "View Position": "PA",
        "OriginalImage[Width": "2682",
        "Height]": "2749",
    }
    return row | changes


def write_nih(root: Path, rows: list[dict[str, str]], *, table: str = "Data_Entry_2017_v2020.csv") -> Path:
    """The table, and every image unpacked into `images/`."""
    root.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(root / table, index=False)
    write_photos(root / "images", [row["Image Index"] for row in rows if row["Image Index"]], GRAY)
    return root


def padchest(root, images="all"):
    return read_cohort("padchest", PadchestCohort(format="padchest", root=str(root), images=images))
