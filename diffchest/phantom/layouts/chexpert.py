"""CheXpert's layout: the real training table, a test set with ground truth and readers, and one zip of JPEG files."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd

from diffchest.files.tables import write_table
from diffchest.files.whole import whole
from diffchest.params.phantom import Confounding
from diffchest.phantom.confounding import deal_support_devices
from diffchest.phantom.layouts.chexpert_labels import LABELS, shown_findings
from diffchest.phantom.layouts.selection import by_patient
from diffchest.phantom.pictures import Picture, write_zips
from diffchest.phantom.render import stream

ARCHIVE = "CheXpert-v1.0-small.zip"
TEST_PREFIX = "CheXpert-v1.0/test"
FIRST_TEST_PATIENT = 64741
DEMOGRAPHICS = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA"]
# sensitivity and specificity of the simulated radiologists, about those of the eight who read the real test set
GROUND_TRUTH_READERS = {
    "bc1": (0.88, 0.95),
    "bc2": (0.86, 0.96),
    "bc3": (0.84, 0.94),
    "bc5": (0.82, 0.96),
    "bc7": (0.80, 0.97),
}
BENCHMARK_READERS = {"bc4": (0.70, 0.95), "bc6": (0.76, 0.91), "bc8": (0.68, 0.93)}


def write_chexpert(
    table: Path,
    root: Path,
    *,
    pretrain: int,
    test_studies: int,
    confounding: Confounding,
    size: int,
    seed: int,
    workers: int,
) -> int:
    """Write CheXpert phantoms below `root`; returns the number of pictures.

    `train.csv` is the whole real `table`; where `confounding` is 0, radiographs that are drawn have another study's
    Support Devices. The test set is `test.csv`, `groundtruth.csv` (a row per study: the majority of five readers) and
    `radiologists/bc*.csv`.
    """
    with whole(root / "train.csv") as partial:
        partial.write_bytes(gzip.decompress(table.read_bytes()))
    rows = pd.read_csv(root / "train.csv")
    frontal = rows[rows["Frontal/Lateral"] == "Frontal"]
    patient = frontal["Path"].str.extract(r"(patient\d+)", expand=False)
    train = by_patient(frontal.assign(patient=patient), "patient", pretrain, seed=seed, purpose="chexpert pretrain")
    test = sample_test_set(frontal, test_studies, seed=seed)
    if confounding == 0:
        for drawn in (train, test):
            studies = drawn["Path"].str.extract(r"(patient\d+/study\d+)", expand=False)
            drawn["Support Devices"] = deal_support_devices(drawn["Support Devices"], studies, confounding, seed=seed)
        rows.loc[train.index, "Support Devices"] = train["Support Devices"]
        with whole(root / "train.csv") as partial:
            rows.to_csv(partial, index=False)
    write_test_set(root, test, seed=seed)
    chosen = pd.concat([train, test])
    return write_zips(root, pictures(chosen, confounding, seed=seed), size=size, seed=seed, workers=workers)


def sample_test_set(frontal: pd.DataFrame, studies: int, *, seed: int) -> pd.DataFrame:
    """Give new patients the labels (uncertain and blank as 0), sex, age and view of random real training rows."""
    chosen = np.sort(stream(seed, "chexpert test").choice(len(frontal), size=studies, replace=studies > len(frontal)))
    test = frontal.iloc[chosen].reset_index(drop=True)
    test[list(LABELS)] = (test[list(LABELS)] == 1).astype(float)
    numbers = range(FIRST_TEST_PATIENT, FIRST_TEST_PATIENT + studies)
    test["Path"] = [f"CheXpert-v1.0-small/test/patient{number}/study1/view1_frontal.jpg" for number in numbers]
    return test


def write_test_set(root: Path, test: pd.DataFrame, *, seed: int) -> None:
    """Write `test.csv`, the readers' tables and the ground truth, simulated from the labels that are drawn."""
    write_table(root / "test.csv", test[DEMOGRAPHICS])
    truth = test[list(LABELS)].to_numpy() == 1
    studies = TEST_PREFIX + test["Path"].str.extract(r"(/patient\d+/study\d+)/", expand=False)
    votes = {}
    for reader, (sensitivity, specificity) in (GROUND_TRUTH_READERS | BENCHMARK_READERS).items():
        chance = stream(seed, "chexpert reader", reader).random(truth.shape)
        votes[reader] = np.where(truth, chance < sensitivity, chance >= specificity)
        kind = "groundtruth" if reader in GROUND_TRUTH_READERS else "benchmark"
        write_table(root / "radiologists" / f"{reader}_{kind}.csv", _study_table(studies, votes[reader]))
    majority = np.mean([votes[reader] for reader in GROUND_TRUTH_READERS], axis=0) > 0.5
    write_table(root / "groundtruth.csv", _study_table(studies, majority))


def pictures(rows: pd.DataFrame, confounding: Confounding, *, seed: int) -> list[Picture]:
    """What to draw for each row of a table with CheXpert's columns; views of one study show the same findings."""
    drawn = []
    for row in rows.to_dict("records"):
        path = str(row["Path"])
        patient, study = path.split("/")[2:4]
        drawn.append(
            Picture(
                archive=ARCHIVE,
                member=path,
                findings=shown_findings(row, stream(seed, patient, study), confounding),
                patient=patient,
                image=path,
                view="PA" if row["AP/PA"] == "PA" else "AP",
                sex=str(row["Sex"])[:1],
                age=float(row["Age"]),
            )
        )
    return drawn


def _study_table(studies: pd.Series, labels: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(labels.astype(int), columns=list(LABELS))
    frame.insert(0, "Study", studies.to_numpy())
    return frame
