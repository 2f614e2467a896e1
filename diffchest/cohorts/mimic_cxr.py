"""MIMIC-CXR-JPG (Johnson et al. 2019): the frontal images of the official training split, to pretrain."""

import pandas as pd

from diffchest.cohorts.chexpert import FINDINGS
from diffchest.cohorts.intake import Intake
from diffchest.cohorts.labels import parse_codes
from diffchest.cohorts.reading import existing_root, find_table, read_text
from diffchest.cohorts.schema import Cohort
from diffchest.cohorts.sources import index_images
from diffchest.errors import DataError
from diffchest.params import MimicCxrCohort

TABLES = "mimic-cxr-2.*-{}.csv"
FRONTAL = ("AP", "PA")


def read_mimic_cxr(dataset: str, cohort: MimicCxrCohort) -> Cohort:
    """Read the metadata, CheXpert-label and split tables and locate the images below `cohort.root`.

    Keeps ViewPosition AP or PA of the official `train` split, all images of a patient; every image has its study's
    labels, where a blank means that the report does not mention the finding.
    """
    root = existing_root(cohort.root)
    metadata, split, chexpert = (find_table(root, TABLES.format(name)) for name in ("metadata", "split", "chexpert"))
    rows = read_text(metadata, ["dicom_id", "subject_id", "study_id", "ViewPosition"])
    splits = read_text(split, ["dicom_id", "split"]).drop_duplicates("dicom_id").set_index("dicom_id")["split"]
    intake = Intake(dataset, origin=cohort.root)
    intake.flow.count("listed in the metadata table", rows.assign(patient_id=rows["subject_id"]))
    listed = intake.listing(
        rows,
        image=rows["dicom_id"],
        patient=rows["subject_id"],
        key=(rows["dicom_id"] + ".jpg").where(rows["dicom_id"] != "", ""),
        study_id=rows["study_id"],
        view=rows["ViewPosition"],
    ).assign(role="pretrain")
    frontal = intake.flow.keep(listed, listed["view"].isin(FRONTAL), kept="frontal (AP, PA)", dropped="not frontal")
    training = rows.loc[frontal.index, "dicom_id"].map(splits) == "train"
    images = intake.flow.keep(
        frontal, training, kept="official training split", dropped="official validation and test splits"
    )
    labels = _study_labels(str(chexpert), read_text(chexpert, ["study_id", *FINDINGS]), images["study_id"])
    index = index_images(root, depth=1)
    return intake.finish(images, labels, index=index, policy=cohort.images, blank_is_negative=True)


def _study_labels(where: str, rows: pd.DataFrame, studies: pd.Series) -> pd.DataFrame:
    """The labels of each image's study; a study the table lacks is blank."""
    repeated = rows["study_id"].duplicated()
    if repeated.any():
        raise DataError(f"{where}: study_id {rows.loc[repeated, 'study_id'].iloc[0]!r} has more than one row")
    codes = pd.DataFrame({finding: parse_codes(rows[finding], where=where) for finding in FINDINGS})
    return codes.set_axis(rows["study_id"], axis=0).reindex(studies).set_axis(studies.index, axis=0)
