"""PadChest (Bustos et al. 2020): physician-labelled frontal radiographs to probe, other patients' to pretrain."""

import pandas as pd

from diffchest.cohorts.cohort import Cohort
from diffchest.cohorts.intake import Intake
from diffchest.cohorts.listed import indicator_table, listed_names
from diffchest.cohorts.locating import Present
from diffchest.cohorts.reading import existing_root, find_table, read_text, sex_code, years
from diffchest.contracts.labels import BLANKS
from diffchest.images.sources import index_images
from diffchest.params.cohorts import PadchestCohort

TABLE = "PADCHEST_*.csv"
LISTED_ROWS = 160_861
FRONTAL = ("PA", "AP", "AP_horizontal")
COLUMNS = [
    "ImageID",
    "StudyID",
    "PatientID",
    "StudyDate_DICOM",
    "PatientBirth",
    "PatientSex_DICOM",
    "Projection",
    "MethodLabel",
    "Labels",
    "BitsStored_DICOM",
    "PhotometricInterpretation_DICOM",
]


def read_padchest(dataset: str, cohort: PadchestCohort) -> Cohort:
    """Read the label table and locate the images (folders, or `0.zip` to `54.zip`) below `cohort.root`.

    Frontal means Projection PA, AP or AP_horizontal. Role `probe`: frontal images labelled by a physician; `pretrain`:
    frontal images of patients without any of those; the remaining frontal images of labelled patients take no part.
    """
    root = existing_root(cohort.root)
    path = find_table(root, TABLE)
    rows = read_text(path, COLUMNS)
    intake = Intake(dataset, origin=cohort.root, table=path.name)
    intake.compare_version(found=len(rows), known=LISTED_ROWS, table=path.name)
    listed = _listing(intake, rows)
    frontal = intake.frontal(listed, listed["view"], FRONTAL, kept="frontal (PA, AP, AP_horizontal)")
    physician = rows.loc[frontal.index, "MethodLabel"] == "Physician"
    labelled = frontal[physician]
    of_labelled = frontal["patient_id"].isin(labelled["patient_id"])
    others = frontal[~physician & of_labelled]
    intake.flow.exclude("not labelled by a physician, of a patient with a radiograph that is", others)
    intake.flow.count("patients without a radiograph labelled by a physician", frontal[~of_labelled])
    intake.flow.count("labelled by a physician", labelled)
    images = pd.concat([labelled.assign(role="probe"), frontal[~of_labelled].assign(role="pretrain")])
    labels = _labels(rows.loc[images.index, "Labels"], str(path))
    return intake.finish(images, labels, present=Present(root, index_images(root, depth=1)), policy=cohort.images)


def _listing(intake: Intake, rows: pd.DataFrame) -> pd.DataFrame:
    intake.flow.count("listed in the table", rows.assign(patient_id=rows["PatientID"]))
    birth = pd.to_numeric(rows["PatientBirth"], errors="coerce")
    bits = pd.to_numeric(rows["BitsStored_DICOM"], errors="coerce")
    return intake.listing(
        rows,
        image=rows["ImageID"],
        patient=rows["PatientID"],
        key=rows["ImageID"],
        study_id=rows["StudyID"],
        view=rows["Projection"],
        sex=sex_code(rows["PatientSex_DICOM"]),
        age=years(pd.to_numeric(rows["StudyDate_DICOM"].str[:4], errors="coerce") - birth),
        bits_stored=bits.where(bits.between(1, 16), 0).astype(int),
        inverted=rows["PhotometricInterpretation_DICOM"] == "MONOCHROME1",
    )


def _labels(cells: pd.Series, where: str) -> pd.DataFrame:
    """0/1 per label name; NaN where the cell is blank."""
    column = f"{where}: column 'Labels'"
    listed = [cell for cell in cells.unique() if cell.strip().lower() not in BLANKS]
    return indicator_table(cells, {cell: listed_names(cell, where=column) for cell in listed})
