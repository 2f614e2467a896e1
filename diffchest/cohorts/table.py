"""Your own radiographs: any CSV or Parquet table with an image path, a patient id and labels."""

import posixpath
from pathlib import Path

import pandas as pd

from diffchest.cohorts.cohort import Cohort
from diffchest.cohorts.intake import Intake
from diffchest.cohorts.listed import indicator_table, listed_names
from diffchest.cohorts.reading import existing_root
from diffchest.contracts.labels import BLANKS, parse_codes
from diffchest.errors import DataError
from diffchest.files.cells import age_years, ids, sex_codes, view_names
from diffchest.files.foreign_tables import read_cells
from diffchest.findings.spelling import check_spellings
from diffchest.images.sources import MEMBER, inside_root, zip_members
from diffchest.params.cohorts import TableCohort

INVERTED = {"MONOCHROME1": True, "MONOCHROME2": False, "1": True, "0": False, "TRUE": True, "FALSE": False}


def read_table_cohort(dataset: str, cohort: TableCohort) -> Cohort:
    """Read the rows of `cohort.table` that `cohort.where` keeps; role `cohort.use`.

    Labels are columns of codes (see `contracts.labels.parse_codes`) or one column that lists findings, between
    separators or as `['a', 'b']`; a blank cell is not assessed. `cohort.indicators` adds a label for values of any
    other column. Image paths are relative to the root, or to the zip file `cohort.zip`; one that leaves the root is
    rejected. The image id is that path.
    """
    root = existing_root(cohort.root)
    path = root / cohort.table
    form = {"delimiter": cohort.delimiter, "encoding": cohort.encoding, "setting": "the cohort's"}
    rows = read_cells(path, _columns(cohort), **form)
    intake = Intake(dataset, origin=f"{cohort.root}/{cohort.table}")
    intake.flow.count("listed in the table", rows[cohort.patient].to_frame("patient_id"))
    for column, values in cohort.where.items():
        wanted = ids(rows[column]).isin(values)
        if not wanted.any():
            raise DataError(f"{path}: no row has {column} in {values}; found {sorted(rows[column].unique())[:10]}")
        patients = rows[cohort.patient].to_frame("patient_id")
        kept = intake.flow.keep(patients, wanted, kept=f"{column} as wanted", dropped=f"other {column}")
        rows = rows.loc[kept.index]
    text = ids(rows[cohort.image]).str.replace("\\", "/", regex=False)  # tables made on Windows
    text = pd.Series([_plain(path) for path in text], index=rows.index, dtype=str)
    listed = intake.listing(
        rows,
        image=text,
        patient=rows[cohort.patient],
        key=text,
        study_id=ids(rows[cohort.study]) if cohort.study else "",
        view=view_names(rows[cohort.view], intake.tally) if cohort.view else "",
        sex=sex_codes(rows[cohort.sex], intake.tally) if cohort.sex else "",
        age=age_years(rows[cohort.age], intake.tally) if cohort.age else float("nan"),
        bits_stored=_bits_stored(rows, cohort, str(path)),
        inverted=_inverted(rows, cohort, str(path)),
    ).assign(role=cohort.use)
    inside = listed["key"].map(inside_root).astype(bool)
    if not inside.all():
        intake.reject(listed[~inside], "path leaves the root")
        intake.flow.exclude("path leaves the root", listed[~inside])
    images = listed[inside]
    labels = _with_indicators(_labels(rows.loc[images.index], cohort, str(path)), rows, cohort, str(path))
    check_spellings({str(name): int(number) for name, number in (labels == 1).sum().items()}, where=str(path))
    return intake.finish(images, labels, index=_index(root, cohort.zip, images["key"]), policy=cohort.images)


def _plain(path: str) -> str:
    """One spelling of a path below the root: `./a.png` is `a.png`."""
    return posixpath.normpath(path) if inside_root(path) else path


def _columns(cohort: TableCohort) -> list[str]:
    of_pixels = [name for name in (cohort.bits_stored, cohort.inverted) if isinstance(name, str)]
    optional = [cohort.study, cohort.view, cohort.sex, cohort.age, cohort.findings, *of_pixels]
    named = [cohort.image, cohort.patient, *(name for name in optional if name), *cohort.labels, *cohort.where]
    return list(dict.fromkeys([*named, *(column for columns in cohort.indicators.values() for column in columns)]))


def _bits_stored(rows: pd.DataFrame, cohort: TableCohort, where: str) -> pd.Series | int:
    """Bits of each row's 16-bit PNG, 0 where nothing says."""
    if not isinstance(cohort.bits_stored, str):
        return cohort.bits_stored or 0
    cells = rows[cohort.bits_stored].str.strip()
    blank = cells.str.lower().isin(BLANKS)
    bits = pd.to_numeric(cells.mask(blank, "0"), errors="coerce").astype(float)
    strange = ~(blank | (bits.between(2, 16) & (bits % 1 == 0)))
    if strange.any():
        raise DataError(
            f"{where}: column {cohort.bits_stored!r} (`bits_stored`): expected whole numbers from 2 to 16, found "
            f"{cells[strange].iloc[0]!r}"
        )
    return bits.astype(int)


def _inverted(rows: pd.DataFrame, cohort: TableCohort, where: str) -> pd.Series | bool:
    """Whether low values are white in each row's PNG or JPEG; a blank cell says no."""
    if not isinstance(cohort.inverted, str):
        return cohort.inverted
    cells = rows[cohort.inverted].str.strip()
    said = cells.str.upper().map(INVERTED).mask(cells.str.lower().isin(BLANKS), False)
    if said.isna().any():
        raise DataError(
            f"{where}: column {cohort.inverted!r} (`inverted`): expected {', '.join(INVERTED)} or blank, found "
            f"{cells[said.isna()].iloc[0]!r}"
        )
    return said.astype(bool)


def _index(root: Path, archive: str | None, paths: pd.Series) -> dict[str, str]:
    """The source of every path that exists."""
    if archive is None:
        return {path: path for path in paths if _is_file(root / path)}
    if not inside_root(archive):
        raise DataError(f"{archive}: the zip file must lie below the root {root}")
    members = set(zip_members(root / archive))
    return {path: f"{archive}{MEMBER}{path}" for path in paths if path in members}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file system takes
        return False


def _labels(rows: pd.DataFrame, cohort: TableCohort, where: str) -> pd.DataFrame:
    if cohort.findings:
        cells = rows[cohort.findings].str.strip()
        cells = cells.mask(cells.str.lower().isin(BLANKS), "")
        column = f"{where}: column {cohort.findings!r}"
        names = {cell: _names(cell, cohort.separator, where=column) for cell in cells.unique() if cell}
        return indicator_table(cells, names)
    return pd.DataFrame({name: parse_codes(rows[name], where=where) for name in cohort.labels}, index=rows.index)


def _with_indicators(labels: pd.DataFrame, rows: pd.DataFrame, cohort: TableCohort, where: str) -> pd.DataFrame:
    """Append a label for each of `cohort.indicators`: 1 where its column holds one of its values, 0 another, NaN blank.

    A row without any assessed finding has NaN there too: nobody knows that it is disease-free, which a 0 would claim.
    """
    assessed, table = labels.notna().any(axis=1), labels.copy()
    for name, columns in cohort.indicators.items():
        if name in labels:
            raise DataError(f"{where}: indicator {name!r} is also the name of a finding; give it another name")
        ((column, values),) = columns.items()
        cells = rows.loc[labels.index, column].str.strip()
        held = cells.isin(values)
        if not held.any():
            raise DataError(
                f"{where}: indicator {name!r}: no row has {column} in {values}; found {sorted(cells.unique())[:10]}"
            )
        blank = cells.str.lower().isin(BLANKS) & ~held
        table[name] = held.astype("float32").mask(blank | ~assessed)
    return table


def _names(cell: str, separator: str, *, where: str) -> list[str]:
    """The findings in one cell."""
    if cell.startswith("["):
        return listed_names(cell, where=where)
    return [name for name in (part.strip() for part in cell.split(separator)) if name]
