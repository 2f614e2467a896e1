"""CheXpert (Irvin et al. 2019): training and validation sets to pretrain, the test set with its truth and readers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from diffchest.cohorts.cohort import Cohort
from diffchest.cohorts.intake import Intake
from diffchest.cohorts.locating import Present
from diffchest.cohorts.reading import existing_root, find_optional, find_table
from diffchest.contracts.labels import parse_codes
from diffchest.errors import DataError
from diffchest.files.cells import age_years, sex_codes, view_names
from diffchest.files.foreign_tables import read_cells
from diffchest.images.sources import index_images
from diffchest.params.cohorts import ChexpertCohort

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
COLUMNS = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA"]
BENCHMARK_READERS = ("bc4", "bc6", "bc8")
GROUND_TRUTH_READERS = ("bc1", "bc2", "bc3", "bc5", "bc7")
GROUND_TRUTH = "groundtruth.csv"
TRAINING_ROWS = 223_414
PATH = r"(?:^|/)(patient[0-9]+/study[0-9]+/view[0-9]+_[a-z]+\.(?:jpg|png))\Z"
STUDY = r"(?:^|/)(patient[0-9]+/study[0-9]+)/?\Z"
FRONTAL_VIEW = r"^(?P<study>patient[0-9]+/study[0-9]+)/view(?P<number>[0-9]+)_frontal\."


@dataclass(frozen=True)
class Readers:
    """The radiologists of the test set by name: `benchmark` to compare with, `ground_truth` whose majority is true.

    Each table has the study id (as in the manifest) as index and one column per finding.
    """

    benchmark: dict[str, pd.DataFrame]
    ground_truth: dict[str, pd.DataFrame]


def read_chexpert(dataset: str, cohort: ChexpertCohort) -> Cohort:
    """Read `train.csv` and, where they are there, `valid.csv` and `groundtruth.csv` with `test.csv`.

    Frontal images of the training set have role `pretrain`, those of the validation set too if `cohort.validation` says
    so. The test set (role `test`) is one frontal view of each study of the ground truth. Labels keep -1 (uncertain); a
    blank means that the report does not mention the finding. Images are found by patient, study and view, so full,
    `-small` and batch-wise downloads are read alike.
    """
    root = existing_root(cohort.root)
    intake = Intake(dataset, origin=cohort.root)
    path = find_table(root, "train.csv")
    rows, labels = _image_table(path, "train")
    intake.compare_version(found=len(rows), known=TRAINING_ROWS, table=path.name)
    intake.flow.count("listed in the training table", rows)
    validation = find_optional(root, "valid.csv")
    if validation is not None:
        more_rows, more_labels = _image_table(validation, "valid")
        intake.flow.count("listed in the validation table", more_rows)
        if cohort.validation == "leave_out":
            intake.flow.exclude("validation set", more_rows)
        else:
            rows = pd.concat([rows, more_rows], ignore_index=True)
            labels = pd.concat([labels, more_labels], ignore_index=True)
    images = _frontal(intake, rows)
    labels = labels.loc[images.index]
    index = index_images(root, depth=3)
    truth = find_optional(root, GROUND_TRUTH)
    if truth is not None:
        test_images, test_labels = _test_set(intake, truth, _test_views(root), index, start=len(rows))
        images, labels = pd.concat([images, test_images]), pd.concat([labels, test_labels])
    read = intake.finish(images, labels, present=Present(root, index), policy=cohort.images, blank_is_negative=True)
    return replace(read, readers=read_readers(root).benchmark)


def read_readers(root: str | Path) -> Readers:
    """The radiologists' labels of the test set, from those of `radiologists/<reader>_*.csv` that are there.

    Columns are taken by name, since their order differs between the files. Raises `DataError` when some of the
    benchmark readers are there and others are not.
    """
    root = existing_root(root)
    benchmark = _reader_tables(root, BENCHMARK_READERS)
    missing = [reader for reader in BENCHMARK_READERS if reader not in benchmark]
    if benchmark and missing:
        raise DataError(f"{root / 'radiologists'}: no file of reader(s) {missing}, expected <reader>_benchmark.csv")
    return Readers(benchmark=benchmark, ground_truth=_reader_tables(root, GROUND_TRUTH_READERS))


def _reader_tables(root: Path, readers: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    files = {reader: find_optional(root, f"radiologists/{reader}_*.csv") for reader in readers}
    return {reader: _study_table(path) for reader, path in files.items() if path is not None}


def _image_table(path: Path, part: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of a table of images with `native` (patient/study/view), `patient_id`, `part`, `table`, `row`; labels."""
    rows = read_cells(path, [*COLUMNS, *FINDINGS])
    return _located(rows).assign(part=part, table=path.name, row=rows.index + 2), _codes(rows, str(path))


def _located(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` with `native`, "" where `Path` is no path of a view, and `patient_id`."""
    native = rows["Path"].str.extract(PATH, expand=False).fillna("").astype(str)
    return rows.assign(native=native, patient_id=native.str.split("/").str[0])


def _frontal(intake: Intake, rows: pd.DataFrame) -> pd.DataFrame:
    """Manifest rows of the frontal images, role `pretrain`."""
    listed = intake.listing(
        rows,
        image=rows["part"] + "/" + rows["native"],
        patient=rows["patient_id"],
        key=rows["native"],
        study_id=rows["native"].str.rpartition("/")[0],
        view=view_names(rows["AP/PA"], intake.tally),
        sex=sex_codes(rows["Sex"], intake.tally),
        age=age_years(rows["Age"], intake.tally),
        table=rows["table"],
        row=rows["row"],
        cell=rows["Path"],
    ).assign(role="pretrain")
    return intake.frontal(listed, rows.loc[listed.index, "Frontal/Lateral"], ["Frontal"], kept="frontal")


def _test_set(
    intake: Intake, truth: Path, views: pd.DataFrame, index: Mapping[str, str], *, start: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Manifest rows and labels of the test studies; their index starts at `start`.

    The id of an image is the first frontal view that `views` lists, else view 1, whatever was downloaded; where that
    view is not there, the first frontal one that is takes its place.
    """
    labels = _study_table(truth)
    studies = pd.Series(labels.index, index=range(start, start + len(labels)))
    listed = views.reindex(studies).set_axis(studies.index, axis=0)
    native = listed["native"].fillna(studies + "/view1_frontal.jpg").astype(str)
    substitute = studies.map(_first_frontal(index)).fillna(native).astype(str)
    patient = studies.str.split("/").str[0]
    intake.flow.count("test studies", pd.DataFrame({"patient_id": patient}))
    images = intake.listing(
        studies.to_frame(),
        image="test/" + native,
        patient=patient,
        key=native.where(native.isin(list(index)), substitute),
        study_id=studies,
        view=view_names(listed["AP/PA"].fillna("")),
        sex=sex_codes(listed["Sex"].fillna("")),
        age=age_years(listed["Age"].fillna("")),
        table=truth.name,
        row=range(2, len(studies) + 2),
    ).assign(role="test")
    return images, labels.set_axis(studies.index, axis=0).loc[images.index]


def _test_views(root: Path) -> pd.DataFrame:
    """The first frontal view of each study that `test.csv` lists, index study id; no rows without that table."""
    path = find_optional(root, "test.csv")
    rows = pd.DataFrame(columns=COLUMNS, dtype=str) if path is None else read_cells(path, COLUMNS)
    rows = _located(rows)
    rows["study_id"] = rows["native"].str.rpartition("/")[0] if len(rows) else ""
    rows = rows[(rows["Frontal/Lateral"] == "Frontal") & (rows["native"] != "")]
    return rows.drop_duplicates("study_id").set_index("study_id")


def _first_frontal(index: Mapping[str, str]) -> pd.Series:
    """The key of the frontal view with the lowest number of each study in `index`."""
    keys = pd.Series(list(index), dtype=str)
    views = keys.str.extract(FRONTAL_VIEW).assign(key=keys).dropna()
    views = views.assign(number=views["number"].astype(int)).sort_values(["study", "number", "key"])
    return views.drop_duplicates("study").set_index("study")["key"]


def _study_table(path: Path) -> pd.DataFrame:
    """Labels by study, from a table with a `Study` column such as `CheXpert-v1.0/test/patient64741/study1`."""
    rows = read_cells(path, ["Study", *FINDINGS])
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
