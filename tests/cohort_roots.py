"""Small cohorts in native layouts, written by the tests themselves."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from diffchest.cohorts.chexpert import FINDINGS

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
    """Every image of `paths` is frontal unless it says lateral; its only non-blank label is Edema, -1."""
    root.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame({"Path": paths, "Sex": "Male", "Age": 61, "AP/PA": "AP"}).reindex(
        columns=["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS]
    )
    rows["Frontal/Lateral"] = ["Lateral" if "lateral" in path else "Frontal" for path in paths]
    rows["Edema"] = -1.0
    rows.to_csv(root / "train.csv", index=False)
    tests = [f"CheXpert-v1.0-small/test/{study}/view1_frontal.jpg" for study in test]
    with zipfile.ZipFile(root / "CheXpert-v1.0-small.zip", "w") as archive:
        for path in [*paths, *tests]:
            archive.writestr(path, PHOTO)
    if test:
        write_study_table(root / "groundtruth.csv", test, FINDINGS)
    return root


def write_study_table(path: Path, studies: tuple[str, ...], columns: list[str]) -> None:
    """Every study has Edema and Lung Lesion only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"Study": [f"CheXpert-v1.0/test/{study}" for study in studies]})
    for column in columns:
        frame[column] = int(column in ("Edema", "Lung Lesion"))
    frame.to_csv(path, index=False)


def write_mimic_cxr(root: Path) -> Path:
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
        path = root / "files" / "p10" / f"p{row.subject_id}" / f"s{row.study_id}" / f"{row.dicom_id}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PHOTO)
    return root
