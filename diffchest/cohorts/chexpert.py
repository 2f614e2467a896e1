"""CheXpert (Irvin et al. 2019): the training set to pretrain, the test set with its ground truth and readers."""

from pathlib import Path

import pandas as pd

from diffchest.cohorts.intake import Intake
from diffchest.cohorts.labels import parse_codes
from diffchest.cohorts.reading import existing_root, find_optional, find_table, read_text, sex_code, years
from diffchest.cohorts.schema import Cohort
from diffchest.cohorts.sources import index_images
from diffchest.errors import DataError
from diffchest.params import ChexpertCohort

FINDINGS = [
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
]
BENCHMARK_READERS = ("bc4", "bc6", "bc8")
GROUND_TRUTH = "groundtruth.csv"
PATH = r"(patient\d+/study\d+/view\d+_\w+\.(?:jpg|png))$"
STUDY = r"(patient\d+/study\d+)/?$"


def read_chexpert(dataset: str, cohort: ChexpertCohort) -> Cohort:
    """Read `train.csv` (frontal images: role `pretrain`) and, where it is there, `groundtruth.csv` (role `test`).

    The test set is the first frontal view of each study of the ground truth. Labels keep -1 (uncertain); a blank means
    that the report does not mention the finding.
    """
    root = existing_root(cohort.root)
    path = find_table(root, "train.csv")
    rows = read_text(path, ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS])
    intake = Intake(dataset, origin=cohort.root)
    native = rows["Path"].str.extract(PATH, expand=False).fillna("")
    patient = native.str.split("/").str[0]
    intake.flow.count("listed in the training table", rows.assign(patient_id=patient))
    listed = intake.listing(
        rows,
        image="train/" + native,
        patient=patient,
        key=native,
        study_id=native.str.rpartition("/")[0],
        view=rows["AP/PA"],
        sex=sex_code(rows["Sex"]),
        age=years(rows["Age"]),
    ).assign(role="pretrain")
    frontal = rows.loc[listed.index, "Frontal/Lateral"] == "Frontal"
    images = intake.flow.keep(listed, frontal, kept="frontal", dropped="not frontal")
    labels = _codes(rows.loc[images.index], str(path))
    test = find_optional(root, GROUND_TRUTH)
    if test is not None:
        test_images, test_labels = _test_set(intake, test, start=len(rows))
        images, labels = pd.concat([images, test_images]), pd.concat([labels, test_labels])
    index = index_images(root, depth=3)
    return intake.finish(images, labels, index=index, policy=cohort.images, blank_is_negative=True)


def read_readers(root: str | Path) -> dict[str, pd.DataFrame]:
    """The benchmark radiologists' labels of the test set: index study id (as in the manifest), one column per finding.

    Reads `radiologists/<reader>_*.csv` for bc4, bc6 and bc8; columns are taken by name, since their order differs
    between the files. Empty when the folder is not there; `DataError` when a reader's file is missing from it.
    """
    root = existing_root(root)
    files = {reader: find_optional(root, f"radiologists/{reader}_*.csv") for reader in BENCHMARK_READERS}
    missing = [reader for reader, path in files.items() if path is None]
    if len(missing) == len(files):
        return {}
    if missing:
        raise DataError(f"{root / 'radiologists'}: no file of reader(s) {missing}, expected <reader>_benchmark.csv")
    return {reader: _study_table(path) for reader, path in files.items() if path is not None}


def _test_set(intake: Intake, path: Path, *, start: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Manifest rows and labels of the test studies; their index starts at `start`."""
    labels = _study_table(path)
    studies = pd.Series(labels.index, index=range(start, start + len(labels)))
    native = studies + "/view1_frontal.jpg"
    patient = studies.str.split("/").str[0]
    intake.flow.count("test studies", pd.DataFrame({"patient_id": patient}))
    images = intake.listing(
        studies.to_frame(), image="test/" + native, patient=patient, key=native, study_id=studies
    ).assign(role="test")
    return images, labels.set_axis(studies.index, axis=0).loc[images.index]


def _study_table(path: Path) -> pd.DataFrame:
    """Labels by study, from a table with a `Study` column such as `CheXpert-v1.0/test/patient64741/study1`."""
    rows = read_text(path, ["Study", *FINDINGS])
    studies = rows["Study"].str.extract(STUDY, expand=False)
    bad = studies.isna() | studies.duplicated()
    if bad.any():
        found = rows.loc[bad, "Study"].iloc[0]
        raise DataError(
            f"{path}: column 'Study', row {bad.argmax() + 2}: expected a new .../patientN/studyN, found {found!r}"
        )
    return _codes(rows, str(path)).set_axis(pd.Index(studies, name="study_id"), axis=0)


def _codes(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    return pd.DataFrame({finding: parse_codes(rows[finding], where=where) for finding in FINDINGS}, index=rows.index)
