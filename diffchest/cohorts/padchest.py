"""PadChest (Bustos et al. 2020): physician-labelled frontal radiographs to probe, other patients' to pretrain."""

import pandas as pd

from diffchest.cohorts.cohort import Cohort
from diffchest.cohorts.intake import Intake
from diffchest.cohorts.listed import indicator_table, listed_names
from diffchest.cohorts.locating import Present
from diffchest.cohorts.reading import existing_root, find_table
from diffchest.contracts.labels import BLANKS
from diffchest.files.cells import age_years, sex_codes, view_names
from diffchest.files.foreign_tables import read_cells
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
    rows = read_cells(path, COLUMNS)
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
    bits = pd.to_numeric(rows["BitsStored_DICOM"], errors="coerce")
    return intake.listing(
        rows,
        image=rows["ImageID"],
        patient=rows["PatientID"],
        key=rows["ImageID"],
        study_id=rows["StudyID"],
        view=view_names(rows["Projection"], intake.tally),
        sex=sex_codes(rows["PatientSex_DICOM"], intake.tally),
        age=age_years(_years(rows), intake.tally),
        bits_stored=bits.where(bits.between(1, 16), 0).astype(int),
        inverted=rows["PhotometricInterpretation_DICOM"] == "MONOCHROME1",
    )


def _years(rows: pd.DataFrame) -> pd.Series:
    """Year of the study less year of birth, as text; the cells themselves where they are no numbers, "" where blank."""
    date, birth = rows["StudyDate_DICOM"].str.strip(), rows["PatientBirth"].str.strip()
    years = pd.to_numeric(date.str[:4], errors="coerce") - pd.to_numeric(birth, errors="coerce")
    cells = years.astype(str).where(years.notna(), date + " - " + birth)
    return cells.mask((date == "") | (birth == ""), "").rename("PatientBirth")


def _labels(cells: pd.Series, where: str) -> pd.DataFrame:
    """0/1 per label name; NaN where the cell is blank."""
    column = f"{where}: column 'Labels'"
    listed = [cell for cell in cells.unique() if cell.strip().lower() not in BLANKS]
    return indicator_table(cells, {cell: listed_names(cell, where=column) for cell in listed})
