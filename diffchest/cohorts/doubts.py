"""What of a table looks wrong though it can be read: patients that are images or sites, births as ages, names."""

import re
from collections.abc import Sequence

import pandas as pd

from diffchest.cohorts.understood import Understood
from diffchest.files.not_understood import Counted
from diffchest.findings.spelling import same_name

FEW_IMAGES = 20  # below them nothing is said of how many a patient has
IMAGES_OF_ONE = 20  # a mean above it is that of a site or a machine, hardly of a person
DATE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}.*|\d{1,2}[-./]\d{1,2}[-./]\d{2,4}.*|(19|20)\d{6}")
YEAR = re.compile(r"(19|20)\d{2}(\.0)?")
MARKS = (",", "/", "+", "&", " und ", " and ", " mit ", " with ", " - ")
FEWEST_JOINED = 5  # names that hold a mark
MANY = 30  # distinct names, most of them once, that are rather free text


def doubt_patients(told: Understood, patients: pd.Series, *, column: str) -> None:
    """Where every image has a patient of its own, or a few have them all; patients: id of each image."""
    number, images = patients.nunique(), len(patients)
    if images < FEW_IMAGES:
        return
    if number == images:
        told.doubt(
            f"column {column!r}: each image has a patient of its own; if these are ids of images or studies, one "
            "person may be trained and tested on: name the column of persons in `patient`",
            number,
            of=images,
        )
    elif images > IMAGES_OF_ONE * number:
        told.doubt(
            f"column {column!r}: a patient has {images / number:.0f} images on average; if these are sites or "
            "machines, name the column of persons in `patient`",
            number,
            of=images,
        )


def doubt_ages(told: Understood, counted: Sequence[Counted]) -> None:
    """Where what is not understood as an age is a date or a year, such as that of birth."""
    for one in counted:
        cell = one.example.strip()
        what = "a date" if DATE.fullmatch(cell) else "a year" if YEAR.fullmatch(cell) else ""
        if one.meaning == "age" and what:
            told.doubt(
                f"column {one.column!r}: {cell!r} looks like {what}, such as that of birth; `age` is years at the "
                "examination",
                one.strange,
                of=one.rows,
            )


def doubt_names(told: Understood, counts: dict[str, int], separator: str, *, column: str) -> None:
    """Where names look like several joined by another mark than `separator`, or like free text.

    counts: cells that hold each name.
    """
    joined = {mark: split_by(counts, mark) for mark in MARKS if mark.strip() != separator.strip()}
    fewer = {mark: names for mark, names in joined.items() if _holding(counts, mark) >= FEWEST_JOINED}
    best = min(fewer, key=lambda mark: len(fewer[mark]), default=None)
    if best is not None and len(fewer[best]) < 0.75 * len(counts):
        told.doubt(
            f"column {column!r}: {len(counts)} findings with `separator` {separator!r} would be {len(fewer[best])} if "
            f"separated by {best!r}; is {next(name for name in counts if best in name)!r} one finding?",
            _holding(counts, best),
            of=len(counts),
        )
    elif len(counts) > MANY and 2 * sum(number == 1 for number in counts.values()) > len(counts):
        rare = min(counts, key=lambda name: (counts[name], name))
        told.doubt(
            f"column {column!r}: most findings occur once, such as {rare!r}; is this free text, or the "
            "separator another one?",
            sum(number == 1 for number in counts.values()),
            of=len(counts),
        )


def split_by(names: Sequence[str] | dict[str, int], mark: str) -> set[str]:
    """The names that `names` would be if `mark` separated them, whatever their spelling."""
    return {same_name(part) for name in names for part in name.split(mark) if part.strip()}


def _holding(names: Sequence[str] | dict[str, int], mark: str) -> int:
    return sum(mark in name for name in names)
