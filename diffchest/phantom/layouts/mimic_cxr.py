"""MIMIC-CXR-JPG's layout with synthetic tables: the real ones are not public, so only the schema is theirs.

Labels follow the joint distribution of CheXpert's, which MIMIC-CXR labels with the same tool.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import Generator

from diffchest.files.tables import write_table
from diffchest.params.phantom import Confounding
from diffchest.phantom.confounding import deal_support_devices
from diffchest.phantom.layouts.chexpert_labels import LABELS, shown_findings
from diffchest.phantom.pictures import Picture, write_zips
from diffchest.phantom.render import stream

ARCHIVE = "files.zip"
VIEW_MEANING = {"AP": "antero-posterior", "PA": "postero-anterior", "LATERAL": "lateral"}
HELD_OUT = 0.03  # share of the patients in the official validation and test splits


def write_mimic_cxr(
    table: Path, root: Path, *, pretrain: int, confounding: Confounding, size: int, seed: int, workers: int
) -> int:
    """Write MIMIC-CXR phantoms below `root`, labels sampled from CheXpert's `table`; returns the number of pictures.

    `confounding`: see `confounding.deal_support_devices`. `pretrain` is the number of frontal images in the training
    split; only those are drawn.
    """
    pool = pd.read_csv(table, usecols=["Frontal/Lateral", *LABELS])
    pool = pool.loc[pool["Frontal/Lateral"] == "Frontal", list(LABELS)]
    rng = stream(seed, "mimic_cxr")
    images = synthesise(rng, pretrain)
    studies = images.drop_duplicates("study_id")[["subject_id", "study_id"]].reset_index(drop=True)
    sampled = pool.iloc[rng.integers(len(pool), size=len(studies))].reset_index(drop=True)
    sampled["Support Devices"] = deal_support_devices(
        sampled["Support Devices"], studies["study_id"], confounding, seed=seed
    )
    labels = pd.concat([studies, sampled[sorted(LABELS)]], axis=1)
    write_tables(root, images, labels)
    chosen = images[(images["split"] == "train") & (images["ViewPosition"] != "LATERAL")]
    return write_zips(root, pictures(chosen, labels, confounding, seed=seed), size=size, seed=seed, workers=workers)


def synthesise(rng: Generator, pretrain: int) -> pd.DataFrame:
    """Image rows of made-up patients until the training split has exactly `pretrain` frontal images.

    Columns: subject_id, study_id, dicom_id, ViewPosition, split, sex, age, StudyDate.
    """
    rows, frontal = [], 0
    subjects, studies = set(), set()
    while frontal < pretrain:
        subject = _new(rng, 10_000_000, 20_000_000, subjects)
        split = "train" if rng.random() >= HELD_OUT else str(rng.choice(["validate", "test"]))
        sex, age, date = str(rng.choice(["M", "F"])), int(np.clip(rng.normal(62, 17), 18, 91)), 2110 + rng.integers(90)
        for _ in range(rng.integers(1, 5)):
            study = _new(rng, 50_000_000, 60_000_000, studies)
            views = ["PA", "LATERAL"] if rng.random() < 0.35 else ["AP"] * int(rng.integers(1, 3))
            for view in views:
                counts = split == "train" and view != "LATERAL"
                if counts and frontal == pretrain:
                    continue
                frontal += counts
                dicom = "-".join(f"{part:08x}" for part in rng.integers(2**32, size=5))
                rows.append((subject, study, dicom, view, split, sex, age, date * 10_000 + 101))
    columns = ["subject_id", "study_id", "dicom_id", "ViewPosition", "split", "sex", "age", "StudyDate"]
    return pd.DataFrame(rows, columns=columns).sort_values(["subject_id", "study_id", "dicom_id"], ignore_index=True)


def write_tables(root: Path, images: pd.DataFrame, labels: pd.DataFrame) -> None:
    """Write the metadata, split and CheXpert-label tables with the columns of MIMIC-CXR-JPG 2.0.0."""
    meaning = images["ViewPosition"].map(VIEW_MEANING)
    metadata = pd.DataFrame(
        {
            "dicom_id": images["dicom_id"],
            "subject_id": images["subject_id"],
            "study_id": images["study_id"],
            "PerformedProcedureStepDescription": np.where(
                images["ViewPosition"] == "AP", "CHEST (PORTABLE AP)", "CHEST (PA AND LAT)"
            ),
            "ViewPosition": images["ViewPosition"],
            "Rows": 3056,
            "Columns": 2544,
            "StudyDate": images["StudyDate"],
            "StudyTime": "120000.000",
            "ProcedureCodeSequence_CodeMeaning": "CHEST",
            "ViewCodeSequence_CodeMeaning": meaning,
            "PatientOrientationCodeSequence_CodeMeaning": "Erect",
        }
    )
    name = "mimic-cxr-2.0.0-{}.csv.gz"
    write_table(root / name.format("metadata"), metadata)
    write_table(root / name.format("split"), images[["dicom_id", "study_id", "subject_id", "split"]])
    write_table(root / name.format("chexpert"), labels)


def pictures(images: pd.DataFrame, labels: pd.DataFrame, confounding: Confounding, *, seed: int) -> list[Picture]:
    """What to draw for each image row; views of one study show the same findings."""
    study_labels = labels.set_index("study_id")[list(LABELS)].to_dict("index")
    drawn = []
    for row in images.to_dict("records"):
        patient, study = f"p{row['subject_id']}", f"s{row['study_id']}"
        drawn.append(
            Picture(
                archive=ARCHIVE,
                member=f"files/{patient[:3]}/{patient}/{study}/{row['dicom_id']}.jpg",
                findings=shown_findings(study_labels[row["study_id"]], stream(seed, patient, study), confounding),
                patient=patient,
                image=str(row["dicom_id"]),
                view=str(row["ViewPosition"]),
                sex=str(row["sex"]),
                age=float(row["age"]),
            )
        )
    return drawn


def _new(rng: Generator, low: int, high: int, taken: set[int]) -> int:
    """A number in [low, high) that is not in `taken`, which then has it."""
    while (number := int(rng.integers(low, high))) in taken:
        pass
    taken.add(number)
    return number
