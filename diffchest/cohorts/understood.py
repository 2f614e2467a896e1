"""What `ingest` understood of a cohort: facts one by one, as a table for the report and as a block of text."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from diffchest.contracts.study_flow import EXCLUDED, NOT_FRONTAL
from diffchest.files.not_understood import Counted
from diffchest.findings.disease_free import normal_finding

COLUMNS = ["dataset", "about", "what", "number", "of", "example"]
LOOK, FINDING, REJECTED = "look at", "finding", "rejected"
FINDINGS_SHOWN = 10
NAMES_SHOWN = 8
FILES_SHOWN = 5
LINES = {LOOK, FINDING}  # a line for each of these
WIDTH = 118
INDENT = 13


class Understood:
    """Facts of a cohort in the order in which they are told."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def fact(self, about: str, what: str, number: int, *, of: int | None = None, example: str = "") -> None:
        """`number` (`of` so many) of what there is: `about` patients, `what`: with several images. Each pair once."""
        self._rows.append({"about": about, "what": what, "number": number, "of": of, "example": example})

    def doubt(self, what: str, number: int, *, of: int | None = None, example: str = "") -> None:
        """Something that looks wrong, with what to do; `number` cells, patients or names are meant."""
        self.fact(LOOK, what, number, of=of, example=example)

    def table(self, dataset: str) -> pd.DataFrame:
        """`COLUMNS`, doubts at the end; whole numbers, missing where nothing is counted."""
        rows = sorted(self._rows, key=lambda row: row["about"] == LOOK)
        table = pd.DataFrame([{"dataset": dataset, **row} for row in rows], columns=COLUMNS)
        return table.astype({"number": "Int64", "of": "Int64"})


def shown(names: Iterable[str], most: int = NAMES_SHOWN) -> str:
    """The first of `names`, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def add_images(
    told: Understood, images: pd.DataFrame, flow: pd.DataFrame, rejected: pd.DataFrame, views_left_out: pd.Series
) -> None:
    """Patients and images that take part, their views, and what was left out by rule.

    images: the cohort's with `source`; flow: its study flow; rejected: see `REJECTED_COLUMNS`; views_left_out: a cell
    for each image that is not frontal.
    """
    each = images["patient_id"].value_counts()
    told.fact("patients", "with images that take part", len(each))
    told.fact("patients", "with several images", int((each > 1).sum()))
    told.fact("images", "take part", len(images), of=int(flow["images"].iloc[0]) if len(flow) else None)
    told.fact("images", "found", int((images["source"] != "").sum()))
    told.fact("images", "rejected", len(rejected))
    for row in flow.itertuples():
        reason = str(row.step).removeprefix(EXCLUDED)
        if reason != row.step and row.images and not (rejected["reason"] == reason).any():
            views = [f"{number:,} {view}" for view, number in _counts(views_left_out)] if reason == NOT_FRONTAL else []
            told.fact("left out", reason, int(str(row.images)), example=shown(views))
    counts = _counts(images["view"].mask(images["view"] == "", "not known"))
    for view, number in counts[:NAMES_SHOWN]:
        told.fact("views", view, number)
    rest = counts[NAMES_SHOWN:]
    if rest:
        told.fact("views", "others", sum(number for _, number in rest), example=shown([view for view, _ in rest], 3))


def add_people(told: Understood, images: pd.DataFrame, counted: Sequence[Counted]) -> None:
    """Sexes and ages of the images that take part; blank cells and those not understood of the columns read."""
    for sex, number in _counts(images["sex"].mask(images["sex"] == "", "not known")):
        told.fact("sex", sex, number)
    ages = images["age"].dropna()
    spread = f"median {ages.median():.0f}, {ages.min():.0f} to {ages.max():.0f} years" if len(ages) else ""
    told.fact("age", "known", len(ages), of=len(images), example=spread)
    for one in counted:
        if one.blank:
            told.fact("cells", f"{one.column}: blank as {one.meaning}", one.blank, of=one.rows)
        if one.strange:
            what = f"{one.column}: not understood as {one.meaning}"
            told.fact("cells", what, one.strange, of=one.rows, example=f"such as {one.example!r}")


def add_findings(told: Understood, labels: pd.DataFrame, *, blank_is_negative: bool) -> None:
    """The most frequent findings of the images found: positives, of all, and what the others are.

    labels: 1, 0, -1 (uncertain), NaN (blank); the finding that means nothing abnormal is always shown.
    """
    if labels.shape[1] == 0:
        return
    positives = {str(name): int(number) for name, number in (labels == 1).sum().items()}
    order = sorted(positives, key=lambda name: (-positives[name], name))
    blank = int(labels.isna().all(axis=1).sum())
    none = [name for name in order if not positives[name]]
    told.fact("findings", "in all", len(order))
    told.fact("findings", "without any positive", len(none), example=shown(none, 3))
    if blank:
        told.fact("findings", f"images with none {_blank(blank_is_negative)}", blank, of=len(labels))
    normal = normal_finding(order)
    if normal is not None:
        told.fact("findings", f"{normal!r} stands for nothing abnormal", positives[normal], of=len(labels))
    others = [name for name in order if name != normal and normal_finding([name])]
    if others:
        told.doubt(
            f"{', '.join(map(repr, others))}: another name for nothing abnormal than {normal!r}, and taken for a "
            "finding, so that no radiograph with it is disease-free; write one name for it",
            sum(positives[name] for name in others),
            of=len(labels),
        )
    first = order[:FINDINGS_SHOWN]
    for name in first if normal is None or normal in first else [*first[:-1], normal]:
        column = labels[name]
        counts = {"negative": column == 0, "uncertain": column == -1, f"not {_blank(blank_is_negative)}": column.isna()}
        rest = ", ".join(f"{int(cells.sum()):,} {word}" for word, cells in counts.items() if cells.any())
        told.fact(FINDING, name, positives[name], of=len(labels), example=rest)


def add_rejected(told: Understood, rejected: pd.DataFrame, dataset: str) -> None:
    """Rejected rows by reason, with the names of the first files."""
    for reason, number in _counts(rejected["reason"]):
        names = rejected.loc[rejected["reason"] == reason, "image_id"].str.removeprefix(f"{dataset}/")
        told.fact(REJECTED, reason, number, example=shown(names, FILES_SHOWN))


def block(table: pd.DataFrame) -> list[str]:
    """The facts of one cohort as lines of text, a heading before each group."""
    lines: list[str] = []
    for about, rows in table.groupby("about", sort=False):
        items = [_item(str(about), *row) for row in rows[COLUMNS[2:]].itertuples(index=False)]
        paragraphs = items if about in LINES else ["; ".join(items)]
        if about == FINDING:
            width = max(len(item.partition("\t")[0]) for item in items)
            paragraphs = [item.partition("\t")[0].ljust(width + 2) + item.partition("\t")[2] for item in items]
        heading = str(about)
        for text in paragraphs:
            begin = f"  {heading}".ljust(INDENT)
            lines += textwrap.wrap(begin + text, WIDTH, subsequent_indent=" " * INDENT, break_on_hyphens=False)
            heading = ""
    return lines


def _item(about: str, what: str, number: int, of: Any, example: str) -> str:
    count = f"{number:,}" + ("" if pd.isna(of) else f" of {of:,}")
    if about == FINDING:
        return f"{what}\t{number:>7,} of {of:,}" + (f"; {example}" if example else "")
    if about == LOOK:
        return f"{what} ({count}{'; ' + example if example else ''})"
    return f"{count} {what}" + (f" ({example})" if example else "")


def _blank(is_negative: bool) -> str:
    return "mentioned" if is_negative else "assessed"


def _counts(cells: pd.Series) -> list[tuple[str, int]]:
    """Values with how often they occur, the most frequent first, then by name."""
    counts = {str(value): int(number) for value, number in cells.value_counts().items()}
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
