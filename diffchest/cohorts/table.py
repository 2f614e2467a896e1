"""Your own radiographs: any CSV or Parquet table with an image path, a patient id and labels."""

from pathlib import Path

import pandas as pd

from diffchest.cohorts.intake import Intake
from diffchest.cohorts.labels import indicator_table, parse_codes
from diffchest.cohorts.reading import existing_root, read_text, sex_code, years
from diffchest.cohorts.schema import Cohort
from diffchest.cohorts.sources import MEMBER, inside_root, zip_members
from diffchest.errors import DataError
from diffchest.params import TableCohort


def read_table_cohort(dataset: str, cohort: TableCohort) -> Cohort:
    """Read the rows of `cohort.table` that `cohort.where` keeps; role `cohort.use`.

    Labels are columns of codes (see `diffchest.cohorts.labels.parse_codes`) or one column that lists findings; a blank
    cell is not assessed. Image paths are relative to the root, or to the zip file `cohort.zip`; one that leaves the
    root is rejected. The image id is that path.
    """
    root = existing_root(cohort.root)
    path = root / cohort.table
    rows = read_text(path, _columns(cohort))
    intake = Intake(dataset, origin=f"{cohort.root}/{cohort.table}")
    intake.flow.count("listed in the table", rows.assign(patient_id=rows[cohort.patient]))
    for column, values in cohort.where.items():
        wanted = rows[column].isin(values)
        if not wanted.any():
            raise DataError(f"{path}: no row has {column} in {values}; found {sorted(rows[column].unique())[:10]}")
        rows = intake.flow.keep(
            rows.assign(patient_id=rows[cohort.patient]), wanted, kept=f"{column} as wanted", dropped=f"other {column}"
        )
    text = rows[cohort.image].str.strip()
    listed = intake.listing(
        rows,
        image=text,
        patient=rows[cohort.patient],
        key=text,
        study_id=rows[cohort.study] if cohort.study else "",
        view=rows[cohort.view] if cohort.view else "",
        sex=sex_code(rows[cohort.sex]) if cohort.sex else "",
        age=years(rows[cohort.age]) if cohort.age else float("nan"),
    ).assign(role=cohort.use)
    inside = listed["key"].map(inside_root).astype(bool)
    if not inside.all():
        intake.reject(listed[~inside], "path leaves the root")
        intake.flow.exclude("path leaves the root", listed[~inside])
    images = listed[inside]
    labels = _labels(rows.loc[images.index], cohort, str(path))
    return intake.finish(images, labels, index=_index(root, cohort.zip, images["key"]), policy=cohort.images)


def _columns(cohort: TableCohort) -> list[str]:
    optional = [cohort.study, cohort.view, cohort.sex, cohort.age, cohort.findings]
    named = [cohort.image, cohort.patient, *(name for name in optional if name), *cohort.labels, *cohort.where]
    return list(dict.fromkeys(named))


def _index(root: Path, archive: str | None, paths: pd.Series) -> dict[str, str]:
    """The source of every path that exists."""
    if archive is None:
        return {path: path for path in paths if (root / path).is_file()}
    if not inside_root(archive):
        raise DataError(f"{archive}: the zip file must lie below the root {root}")
    members = set(zip_members(root / archive))
    return {path: f"{archive}{MEMBER}{path}" for path in paths if path in members}


def _labels(rows: pd.DataFrame, cohort: TableCohort, where: str) -> pd.DataFrame:
    if cohort.findings:
        cells = rows[cohort.findings].str.strip()
        names = {cell: [name.strip() for name in cell.split(cohort.separator)] for cell in cells.unique() if cell}
        return indicator_table(cells, {cell: [name for name in listed if name] for cell, listed in names.items()})
    return pd.DataFrame({name: parse_codes(rows[name], where=where) for name in cohort.labels}, index=rows.index)
