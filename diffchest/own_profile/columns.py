"""What the columns of a table look like: which holds the image, the patient, the findings, and what else there is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from diffchest.cohorts.doubts import DATE
from diffchest.cohorts.findings_column import read_findings
from diffchest.cohorts.understood import Understood
from diffchest.contracts.labels import CODES
from diffchest.errors import DataError
from diffchest.files.cells import VIEWS, age_years, ids, no_id, sex_codes
from diffchest.findings.disease_free import normal_finding
from diffchest.images.sources import SUFFIXES, zip_members

PATIENT = r"patient|\bpid\b|subject|\bmrn\b"
STUDY = r"stud(y|ie)|accession|untersuchung"
AGE = r"(\b|_|patient)(age|alter|edad)(\b|_)"
FINDINGS = r"finding|befund(?!er|end)|label|diagnos|hallazgo"
NO_ID = r"date|datum|time|zeit|name|sex|age|alter|geschlecht"
PERSON = rf"{PATIENT}|{NO_ID}|\bfall|geb|birth|dob|befunder|arzt|physician|doctor|reader|radiolog|operator"
SEPARATORS = (";", "|", ",", "\n", "/")
PARTS = {
    **dict.fromkeys(("train", "training"), "finetune"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "leave_out"),
    **dict.fromkeys(("test", "testing"), "test"),
}
SHOWN = {"view", "sex", "split", "labels"}  # keys whose columns' values are told whatever they are
MOST = 0.8  # of the cells that are not blank: so many must mean what the column is taken for
SHORT, MANY = 40, 300  # characters of a finding's name on average; findings
VALUES_SHOWN, ROWS_EACH = 12, 5  # so few values are quoted, where each has so many rows on average
TARGETS = 6


@dataclass
class Looked:
    """What was found: values of the cohort's keys, findings with their positives, and a line about each column."""

    keys: dict[str, Any] = field(default_factory=dict)
    positives: dict[str, int] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)

    @property
    def targets(self) -> list[str]:
        """The findings that most radiographs have, but the one for nothing abnormal."""
        normal = normal_finding(list(self.positives))
        most = sorted(self.positives, key=lambda name: -self.positives[name])
        return [name for name in most if name != normal and self.positives[name]][:TARGETS]


def look(rows: pd.DataFrame, root: Path) -> Looked:
    """What the columns of `rows` (text cells) look like; what no column is beyond doubt is left out. root: see images.

    Ids, names and dates are never quoted: a profile may be committed.
    """
    found = Looked()
    cells = {str(name): ids(rows[name])[lambda column: ~no_id(column)] for name in rows}
    cells = {name: column for name, column in cells.items() if len(column)}
    left = dict(cells)
    for key, name in _single(left).items():
        found.keys[key] = name
        left.pop(name)
    if split := next((name for name, column in left.items() if _is_split(column)), None):
        found.keys |= {"split": split, "roles": {part: PARTS[part.lower()] for part in sorted(set(left.pop(split)))}}
    found.keys |= _findings(left, found.positives)
    if "image" in found.keys and (archives := _zips(cells[found.keys["image"]], root)):
        found.keys["zip"] = archives[0] if len(archives) == 1 else archives
    found.columns = [_told(str(name), rows[name], found) for name in rows]
    return found


def _single(cells: Mapping[str, pd.Series]) -> dict[str, str]:
    """Column by key, for the keys that mean one column."""

    def first(candidates: list[str]) -> str | None:
        return candidates[0] if len(candidates) == 1 else None

    named = {name: name.casefold() for name in cells}
    images = [name for name, column in cells.items() if _most(column.str.lower().str.endswith(SUFFIXES))]
    patients = [name for name, text in named.items() if re.search(PATIENT, text) and not re.search(NO_ID, text)]
    studies = [name for name, text in named.items() if re.search(STUDY, text) and not re.search(NO_ID, text)]
    views = [name for name, column in cells.items() if _most(column.map(_is_view))]
    sexes = [name for name, column in cells.items() if name not in views and _most(sex_codes(column) != "")]
    ages = [name for name, text in named.items() if re.search(AGE, text) and _most(age_years(cells[name]).notna())]
    found = {"image": images, "patient": patients, "study": studies, "view": views, "sex": sexes, "age": ages}
    single = {
        key: first([name for name in names if name not in images or key == "image"]) for key, names in found.items()
    }
    return {key: name for key, name in single.items() if name is not None}


def _findings(cells: Mapping[str, pd.Series], positives: dict[str, int]) -> dict[str, Any]:
    """The column that lists findings, with its separator, or the columns of codes; fills `positives`.

    A column of findings is called so, or says "nothing abnormal" somewhere. Of two neither is taken.
    """
    possible: dict[str, tuple[str, pd.DataFrame]] = {}
    for name in cells:
        for separator in SEPARATORS:
            labels = _labels(cells[name], separator)
            listed = cells[name].str.contains(separator, regex=False).any()
            if labels is None or name in possible:
                continue
            named = re.search(FINDINGS, name.casefold())
            if normal_finding(list(map(str, labels))) is not None or named:
                possible[name] = (separator if listed else "", labels)
    if len(possible) > 1:
        return {}
    for name, (separator, labels) in possible.items():
        positives |= {str(finding): int(number) for finding, number in (labels == 1).sum().items()}
        return {"findings": name} | ({"separator": separator} if separator else {})
    codes = [name for name, column in cells.items() if column.str.lower().isin(list(CODES)).all()]
    positives |= {name: int(cells[name].str.lower().map(CODES).eq(1).sum()) for name in codes}
    return {"labels": codes} if codes else {}


def _labels(column: pd.Series, separator: str) -> pd.DataFrame | None:
    """The labels in a column as `ingest` reads them; None where its cells are no lists of names that come again."""
    names = column.str.split(separator).explode().str.strip()
    few = names.nunique() <= min(MANY, max(2, len(column) // 2)) and names.str.len().mean() < SHORT
    if not few or names.str.fullmatch(r"[\d.,:\-]*").mean() > 1 - MOST:
        return None
    try:
        return read_findings(column, separator, where="", told=Understood())
    except DataError:  # another separator, or codes
        return None


def _zips(images: pd.Series, root: Path) -> list[str]:
    """The zip files in the root that hold images which are not below it as files."""
    missing = {path.replace("\\", "/") for path in images if not _is_file(root / path)}
    if not missing:
        return []
    archives = sorted(path for path in root.iterdir() if path.suffix.lower() == ".zip")
    return [path.name for path in archives if missing & {name.replace("\\", "/") for name in zip_members(path)}]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file system takes
        return False


def _most(holds: pd.Series) -> bool:
    return bool(holds.mean() >= MOST)


def _is_view(cell: str) -> bool:
    return set(re.split(r"[\s_-]+", cell.lower())) <= VIEWS


def _is_split(column: pd.Series) -> bool:
    parts = set(column.str.lower())
    return len(parts) > 1 and parts <= set(PARTS)


def _told(name: str, column: pd.Series, found: Looked) -> str:
    """A line about a column: what it is taken for, and its values where they are few and name no person."""
    taken = [key for key, value in found.keys.items() if key != "zip" and (value == name or name in _list(value))]
    values = ids(column).value_counts()
    text = f"{len(values):,} different values"
    if len(values) <= VALUES_SHOWN and (set(taken) & SHOWN or _names_nobody(name, column, values)):
        text = ", ".join(f"{value or '(blank)'} {number:,}" for value, number in values.items())
    if "findings" in taken:
        text = ", ".join(f"{finding} {number:,}" for finding, number in found.positives.items())
    return f"{name}{f' ({taken[0]})' if taken else ''}: {text}"


def _names_nobody(name: str, column: pd.Series, values: pd.Series) -> bool:
    """Whether the values of a column taken for nothing are kinds, as of machines, and no ids, names or dates."""
    kinds = len(column) >= ROWS_EACH * len(values) and not any(DATE.fullmatch(value) for value in values.index)
    return kinds and not re.search(PERSON, name.casefold())


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
