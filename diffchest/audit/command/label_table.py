"""The label table of an audit: a CSV with a row per radiograph and a column per finding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from diffchest.contracts.labels import UNCERTAIN, parse_codes
from diffchest.errors import DataError
from diffchest.files.cells import age_years, ids, no_id, sex_codes, view_names
from diffchest.files.foreign_tables import read_cells
from diffchest.files.not_understood import Tally
from diffchest.findings.disease_free import normal_finding
from diffchest.findings.judged import counted, reasons
from diffchest.findings.spelling import check_spellings
from diffchest.images.sources import MEMBER
from diffchest.progress import notice

IMAGE = ("image_id", "image", "file", "path")  # what the column that names a radiograph may be called
PATIENT = "patient_id"
KNOWN = ("view", "sex", "age")  # columns besides that are no finding


@dataclass(frozen=True, eq=False)
class Labelled:
    """Rows of radiographs by name (image_id, patient_id, view, sex, age), and their labels: 1, 0, NaN; None: none.

    Where no patient is known each radiograph is taken for one of its own.
    """

    rows: pd.DataFrame
    labels: pd.DataFrame | None
    patients_known: bool

    def of(self, names: Sequence[str]) -> "Labelled":
        """Those of `names`, in that order."""
        row = {name: number for number, name in enumerate(self.rows["image_id"])}
        where = [row[name] for name in names]
        labels = None if self.labels is None else self.labels.iloc[where].reset_index(drop=True)
        return Labelled(self.rows.iloc[where].reset_index(drop=True), labels, self.patients_known)

    def without(self, findings: Sequence[str]) -> "Labelled":
        """The same without these labels."""
        labels = None if self.labels is None else self.labels.drop(columns=list(findings), errors="ignore")
        return replace(self, labels=labels)

    @property
    def named(self) -> pd.DataFrame:
        """The labels without that for "nothing abnormal"; no columns where there are none."""
        return self.all.drop(columns=normal_finding(list(self.all.columns)) or [])

    @property
    def all(self) -> pd.DataFrame:
        """The labels; no columns where there are none."""
        return pd.DataFrame(index=range(len(self.rows))) if self.labels is None else self.labels

    def frequent(self, above: int) -> list[str]:
        """Findings with more than `above` radiographs that have it, and as many that do not or are blank, by name."""
        few = reasons(counted(self.named.fillna(0.0)), None, positives_above=above)
        return sorted(str(name) for name in few.index[few == ""])


def without_labels(names: Sequence[str]) -> Labelled:
    """Radiographs of which nothing is known."""
    rows = pd.DataFrame({"image_id": list(names), PATIENT: list(names), "view": "", "sex": "", "age": np.nan})
    return Labelled(rows, None, False)


def read_labels(path: Path, names: Sequence[str]) -> Labelled:
    """The rows of a CSV whose radiograph is among `names` (paths), in the order of these.

    The column of the radiograph is one of `IMAGE`: a path, a file's name with or without its suffix, or an id that ends
    in it. `patient_id`, view, sex and age may be there; every other column is a finding: 1, 0, or blank (not assessed),
    which -1 counts as. Raises `DataError` where no name fits, for two rows of one radiograph, and for other cells.
    """
    table = read_rows(path, what="--labels takes a CSV with a row per radiograph and a column per finding")
    column = image_column(table, path)
    rows = fitting_rows(table[column], names, path)
    table = table.iloc[list(rows.values())]
    findings = [name for name in table.columns if name not in (*IMAGE, PATIENT, *KNOWN)]
    if not findings:
        raise DataError(f"{path}: no column is a finding (found {', '.join(table.columns)}); add one per finding")
    labels = pd.DataFrame({name: _codes(table[name], path) for name in findings}).astype(np.float64)
    positives = (labels == 1).sum()
    check_spellings({name: int(positives[name]) for name in findings}, where=str(path))
    table, labels = table.reset_index(drop=True), labels.reset_index(drop=True)
    known, tally = PATIENT in table, Tally()
    manifest = pd.DataFrame(
        {
            "image_id": list(rows),
            PATIENT: ids(table[PATIENT]) if known else list(rows),
            "view": view_names(table["view"], tally) if "view" in table else "",
            "sex": sex_codes(table["sex"], tally) if "sex" in table else "",
            "age": age_years(table["age"], tally) if "age" in table else np.nan,
        }
    )
    nobody = manifest[PATIENT][no_id(manifest[PATIENT])]
    if known and len(nobody):
        raise DataError(
            f"{path}: {PATIENT} is empty or a word for nobody in {len(nobody)} rows, such as {nobody.iloc[0]!r}; "
            "fill it in, or leave the column out"
        )
    tally.tell(path)
    return Labelled(manifest, labels.mask(labels == UNCERTAIN), known)


def fitting_rows(cells: pd.Series, names: Sequence[str], path: Path) -> dict[str, int]:
    """The row of each of `names` that has one, in their order; rows and radiographs without the other are told of."""
    keys = _keys(names)
    rows: dict[str, int] = {}
    number = [int(str(index)) + 2 for index in cells.index]  # of the row, as a spreadsheet shows it
    for row, cell in enumerate(ids(cells)):
        name = next((keys[key] for key in _spellings(cell.replace("\\", "/")) if key in keys), None)
        if name == "":
            raise DataError(f"{path}: row {number[row]}: several radiographs are called {cell!r}; give their paths")
        if name in rows:
            raise DataError(f"{path}: rows {number[rows[name]]} and {number[row]} are both of {name}; keep one")
        if name is not None:
            rows[name] = row
    if not rows:
        first = cells.iloc[0] if len(cells) else "nothing"
        raise DataError(
            f"{path}: none of its {len(cells)} rows names one of the {len(names)} radiographs: it has {first!r}, they "
            f"are called {', '.join(list(names)[:3])}; give paths or names of files in column {cells.name!r}"
        )
    lost, unlabelled = len(cells) - len(rows), len(names) - len(rows)
    if lost or unlabelled:
        notice(f"{path}: {lost} rows without a radiograph, {unlabelled} radiographs without a row: both are left out")
    return {name: rows[name] for name in names if name in rows}


def image_column(table: pd.DataFrame, path: Path) -> str:
    """The column that names the radiographs."""
    for column in IMAGE:
        if column in table:
            return column
    raise DataError(f"{path}: no column {' or '.join(IMAGE)} (found {', '.join(table.columns[:10])})")


def read_rows(path: Path, *, what: str) -> pd.DataFrame:
    """A table as text, see `files.foreign_tables.read_cells`; `DataError` for one that is none: `what` was expected."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; {what}")
    try:
        return read_cells(path, keys=(*IMAGE, PATIENT, *KNOWN))
    except DataError as error:
        raise DataError(f"{error} ({what})") from None


def _keys(names: Sequence[str]) -> Mapping[str, str]:
    """Radiographs by all that they may be called; "" for what several are called."""
    keys: dict[str, str] = {}
    for name in names:
        for key in dict.fromkeys(_spellings(name)):
            keys[key] = name if keys.get(key, name) == name else ""
    return keys | {name: name for name in names}


def _spellings(name: str) -> list[str]:
    """A path, the name of the file, and that without its suffix."""
    file = PurePosixPath(name.rpartition(MEMBER)[2])
    return [name, file.name, file.stem]


def _codes(column: pd.Series, path: Path) -> pd.Series:
    try:
        return parse_codes(column, where=str(path))
    except DataError as error:
        raise DataError(f"{error}; a column that is no finding has to go") from None
