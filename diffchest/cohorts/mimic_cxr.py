"""MIMIC-CXR and MIMIC-CXR-JPG (Johnson et al. 2019): the frontal images of the official training split, to pretrain."""

import pandas as pd

from diffchest.cohorts.chexpert import FINDINGS
from diffchest.cohorts.cohort import Cohort
from diffchest.cohorts.intake import Intake
from diffchest.cohorts.reading import existing_root, find_table
from diffchest.contracts.labels import parse_codes
from diffchest.errors import DataError
from diffchest.files.cells import view_names
from diffchest.files.foreign_tables import read_cells
from diffchest.images.sources import index_images
from diffchest.params.cohorts import MimicCxrCohort

TABLES = "mimic-cxr-2.*-{}.csv"
FRONTAL = ("AP", "PA")
LISTED_ROWS = 377_110


def read_mimic_cxr(dataset: str, cohort: MimicCxrCohort) -> Cohort:
    """Read the metadata, CheXpert-label and split tables and locate the images below `cohort.root`.

    Keeps ViewPosition AP or PA of the official `train` split, all images of a patient; every image has its study's
    labels, where a blank means that the report does not mention the finding. The file of an image is named after its
    `dicom_id`: a JPEG, or the DICOM file of MIMIC-CXR, which needs the tables of MIMIC-CXR-JPG all the same.
    """
    root = existing_root(cohort.root)
    metadata, split, chexpert = (find_table(root, TABLES.format(name)) for name in ("metadata", "split", "chexpert"))
    rows = read_cells(metadata, ["dicom_id", "subject_id", "study_id", "ViewPosition"])
    splits = _by_id(str(split), read_cells(split, ["dicom_id", "split"]), "dicom_id")["split"]
    intake = Intake(dataset, origin=cohort.root)
    intake.compare_version(found=len(rows), known=LISTED_ROWS, table=metadata.name)
    intake.flow.count("listed in the metadata table", rows.assign(patient_id=rows["subject_id"]))
    listed = intake.listing(
        rows,
        image=rows["dicom_id"],
        patient=rows["subject_id"],
        key=rows["dicom_id"],
        study_id=rows["study_id"],
        view=view_names(rows["ViewPosition"], intake.tally),
    ).assign(role="pretrain")
    frontal = intake.flow.keep(listed, listed["view"].isin(FRONTAL), kept="frontal (AP, PA)", dropped="not frontal")
    unassigned = ~frontal["key"].isin(splits.index)
    if unassigned.any():
        intake.flow.exclude("not in the split table", frontal[unassigned])
    assigned = frontal[~unassigned]
    images = intake.flow.keep(
        assigned,
        assigned["key"].map(splits) == "train",
        kept="official training split",
        dropped="official validation and test splits",
    )
    labels = _study_labels(str(chexpert), read_cells(chexpert, ["study_id", *FINDINGS]), images["study_id"])
    index = index_images(root, depth=1, stem=True)
    return intake.finish(images, labels, index=index, policy=cohort.images, blank_is_negative=True)


def _study_labels(where: str, rows: pd.DataFrame, studies: pd.Series) -> pd.DataFrame:
    """The labels of each image's study; a study the table lacks is blank."""
    by_study = _by_id(where, rows, "study_id")
    codes = pd.DataFrame({finding: parse_codes(rows[finding], where=where) for finding in FINDINGS})
    return codes.set_axis(by_study.index, axis=0).reindex(studies).set_axis(studies.index, axis=0)


def _by_id(where: str, rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """`rows` indexed by `column`; `DataError` when a value occurs twice."""
    repeated = rows[column].duplicated()
    if repeated.any():
        raise DataError(f"{where}: {column} {rows.loc[repeated, column].iloc[0]!r} has more than one row")
    return rows.set_index(column)
