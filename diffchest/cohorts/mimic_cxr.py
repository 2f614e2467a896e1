"""MIMIC-CXR and MIMIC-CXR-JPG (Johnson et al. 2019): frontal images, to pretrain or to probe, by the official split."""

from pathlib import Path

import pandas as pd

from diffchest.cohorts.chexpert import FINDINGS
from diffchest.cohorts.cohort import Cohort
from diffchest.cohorts.intake import Intake
from diffchest.cohorts.locating import Present
from diffchest.cohorts.reading import existing_root, find_optional, find_table
from diffchest.contracts.labels import parse_codes
from diffchest.errors import DataError
from diffchest.files.cells import OLDEST, sex_codes, view_names
from diffchest.files.foreign_tables import read_cells
from diffchest.files.id_matches import equal_up_to
from diffchest.files.not_understood import Tally
from diffchest.images.sources import index_images
from diffchest.params.cohorts import MimicCxrCohort
from diffchest.progress import notice

TABLES = "mimic-cxr-2.*-{}.csv"
PATIENTS = "patients.csv"
FRONTAL = ("AP", "PA")
LISTED_ROWS = 377_110


def read_mimic_cxr(dataset: str, cohort: MimicCxrCohort) -> Cohort:
    """Read the metadata, CheXpert-label and split tables and locate the images below `cohort.root`.

    Keeps ViewPosition AP or PA. By `cohort.use`: `pretrain`: the official `train` split, all images of a patient;
    `official`: that split to fine-tune on, `test` to test, `validate` as `cohort.validation` says; `probe`: all images,
    to be split by patient anew. Every image has its study's labels, where a blank means that the report does not
    mention the finding. The file of an image is named after its `dicom_id`: a JPEG, or the DICOM file of MIMIC-CXR,
    which needs the tables of MIMIC-CXR-JPG all the same. Sex and age come from MIMIC-IV's `patients`, if at hand.
    """
    root = existing_root(cohort.root)
    metadata, split, chexpert = (find_table(root, TABLES.format(name)) for name in ("metadata", "split", "chexpert"))
    people = _patients_table(root, cohort.patients)
    dated = [] if people is None else ["StudyDate"]
    rows = read_cells(metadata, ["dicom_id", "subject_id", "study_id", "ViewPosition", *dated])
    splits = _by_id(str(split), read_cells(split, ["dicom_id", "split"]), "dicom_id")["split"]
    intake = Intake(dataset, origin=cohort.root, table=metadata.name)
    intake.compare_version(found=len(rows), known=LISTED_ROWS, table=metadata.name)
    intake.flow.count("listed in the metadata table", rows.assign(patient_id=rows["subject_id"]))
    listed = intake.listing(
        rows,
        image=rows["dicom_id"],
        patient=rows["subject_id"],
        key=rows["dicom_id"],
        study_id=rows["study_id"],
        view=view_names(rows["ViewPosition"], intake.tally),
        **({} if people is None else _sex_and_age(rows, people, intake.tally)),
    )
    frontal = intake.frontal(listed, listed["view"], FRONTAL, kept="frontal (AP, PA)")
    images = _with_role(intake, frontal, splits, cohort)
    labels = _study_labels(str(chexpert), read_cells(chexpert, ["study_id", *FINDINGS]), images["study_id"])
    present = Present(root, index_images(root, depth=1, stem=True))
    return intake.finish(images, labels, present=present, policy=cohort.images, blank_is_negative=True)


def _with_role(intake: Intake, frontal: pd.DataFrame, splits: pd.Series, cohort: MimicCxrCohort) -> pd.DataFrame:
    """The images that take part, with their role."""
    if cohort.use == "probe":
        return frontal.assign(role="probe")
    unassigned = ~frontal["key"].isin(splits.index)
    if unassigned.any():
        intake.flow.exclude("not in the split table", frontal[unassigned])
    assigned = frontal[~unassigned]
    part = assigned["key"].map(splits).str.strip()
    if cohort.use == "pretrain":
        kept = {"kept": "official training split", "dropped": "official validation and test splits"}
        return intake.flow.keep(assigned, part == "train", **kept).assign(role="pretrain")
    roles = {"train": "finetune", "validate": cohort.validation, "test": "test"}
    role = part.map(roles).fillna("leave_out")
    kept = {"kept": "in the official splits", "dropped": "official validation split, or none"}
    return intake.flow.keep(assigned.assign(role=role), role != "leave_out", **kept)


def _patients_table(root: Path, named: str | None) -> Path | None:
    """The `patients` table of MIMIC-IV: what `cohorts.<dataset>.patients` names, else one beside the other tables."""
    if named is None:
        return find_optional(root, PATIENTS)
    path = root / named
    if not path.is_file():
        raise DataError(f"{path}: no such table; set `cohorts.<dataset>.patients` to the patients.csv.gz of MIMIC-IV")
    return path


def _sex_and_age(rows: pd.DataFrame, path: Path, tally: Tally) -> dict[str, pd.Series]:
    """Sex, and the age in years at the study: that in the anchor year, plus the years from it (both are shifted alike).

    As MIMIC-IV's own queries reckon; those above 89 in their anchor year are 91 there.
    """
    people = read_cells(path, ["subject_id", "gender", "anchor_age", "anchor_year"])
    people = _by_id(str(path), people, "subject_id")
    listed = people.index
    people = people.reindex(rows["subject_id"]).set_axis(rows.index, axis=0)
    unknown = people["gender"].isna()
    if unknown.any():
        patients = rows.loc[unknown, "subject_id"].unique()
        near = equal_up_to(listed.difference(rows["subject_id"].tolist()), patients)
        notice(
            f"{path}: {len(patients):,} of {rows['subject_id'].nunique():,} patients are not there; age and sex not "
            f"known{f' ({near})' if near else ''}"
        )
    anchor_age, anchor_year = (pd.to_numeric(people[name], errors="coerce") for name in ("anchor_age", "anchor_year"))
    year = pd.to_numeric(rows["StudyDate"].str.strip().str[:4], errors="coerce")
    age = anchor_age + year - anchor_year
    age = age.where(age.between(0, OLDEST))
    cells = people["anchor_age"].fillna("") + " in " + people["anchor_year"].fillna("") + " at " + rows["StudyDate"]
    tally.count(
        "anchor_age", "age", rows=len(rows), blank=int(unknown.sum()), strange=cells[age.isna() & ~unknown].astype(str)
    )
    return {"sex": sex_codes(people["gender"].fillna(""), tally), "age": age}


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
