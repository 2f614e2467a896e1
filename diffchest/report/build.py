"""The report: one static HTML page that links the figures and holds the tables, and all metrics in one file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.contracts.doubtful_heads import DoubtfulHeads
from diffchest.errors import DataError
from diffchest.files.html import page_environment
from diffchest.params.base import OURS
from diffchest.report.contents import INTERVALS, SECTIONS, STAGES, Item, ReportParams, Section, figures_of, notes
from diffchest.report.numbers import Finder, key_numbers

SHOWN_ROWS = 12  # a longer table is folded
MOST_ROWS = 400  # of a longer one only the first rows are in the page


@dataclass(frozen=True)
class Table:
    """A table as the page shows it: formatted cells, whether each column holds numbers, the number of all rows."""

    name: str
    caption: str
    columns: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    total: int
    folded: bool  # whether the reader opens it


@dataclass(frozen=True)
class Block:
    """What the page says of one audited classifier in one section."""

    title: str
    summary: str
    tables: list[Table]


def collect_metrics(folder: Path = paths.STAGE_METRICS) -> dict[str, Any]:
    """The metrics of every stage by stage name, in the pipeline's order; a stage without a file is left out."""
    files = {stage: folder / f"{stage}.json" for stage in STAGES}
    return {stage: json.loads(file.read_text(encoding="utf-8")) for stage, file in files.items() if file.is_file()}


def build_report(params: ReportParams, metrics: Mapping[str, Any]) -> str:
    """The HTML page, from the tables and figures in `reports/`; the same inputs give the same text."""
    environment = page_environment("diffchest.report")
    subject = f"{params.dataset} (phantoms)" if params.on_phantoms else params.dataset
    if not params.real:
        subject = "phantom radiographs (embedded default)"
    sections = [section for section in SECTIONS if params.of_the_paper or not section.paper]
    evaluated = paths.table("auc").is_file()  # as of other stages: what did not run is left out
    doubtful = DoubtfulHeads.among(params.targets) if evaluated else DoubtfulHeads({}, [])
    shown = [(section, *_contents(section, params, metrics)) for section in sections]
    return environment.get_template("template.html").render(
        title="DiffChest tour, not a result: phantom radiographs" if params.tour else f"DiffChest report: {subject}",
        tour=params.tour,
        on_phantoms=params.on_phantoms,
        phantoms=params.phantoms,
        real=params.real,
        intervals=INTERVALS[params.intervals],
        notes=notes(params, metrics, doubtful),
        numbers=key_numbers(metrics, params, doubtful=len(doubtful)),
        sections=[entry for entry in shown if any(entry[1:])],
    )


def _contents(
    section: Section, params: ReportParams, metrics: Mapping[str, Any]
) -> tuple[list[Item], list[Table], list[Block]]:
    figures = figures_of(section, params)
    items = [item for item in section.tables if params.of_the_paper or not item.paper]
    tables = _tables(items, reference=params.reference)
    blocks = [_block(section, name, metrics) for name in params.classifiers.sections if section.classifiers]
    return figures, tables, [block for block in blocks if block.tables]


def _tables(items: list[Item], **names: str) -> list[Table]:
    named = (replace(item, name=item.name.format(**names)) for item in items)
    return [table for item in named if (table := read_table(item)) is not None]


def _block(section: Section, name: str, metrics: Mapping[str, Any]) -> Block:
    audit = paths.audit(name).relative_to(paths.TABLES).with_suffix("").as_posix()
    title = f"{name}, our head on z" if name == OURS else name
    summary = audit_summary(name, metrics) if section.summary else ""
    return Block(title, summary, _tables(section.classifiers, classifier=name, audit=audit))


def read_table(item: Item) -> Table | None:
    """Read and format `reports/tables/<name>.csv`, without columns that have no value.

    None where it has no rows, or no stage wrote it: a part that is switched off has none.

    Raises `DataError` where a column that is to be shown is missing.
    """
    path = paths.table(item.name)
    if not path.is_file():
        return None
    frame = pd.read_csv(path, keep_default_na=False, na_values=["", "nan", "NaN"])
    if missing := [column for column in (*item.columns, item.order) if column and column not in frame]:
        raise DataError(f"{path}: no column {missing[0]!r}; run the stage that writes it again")
    if frame.empty:
        return None
    if item.order:
        frame = frame.iloc[_order(frame[item.order])]
    if item.columns:
        frame = frame[list(item.columns)]
    shown = frame.dropna(axis="columns", how="all")
    numeric = [dtype.kind in "if" for dtype in shown.dtypes]
    rows = shown.head(item.first or MOST_ROWS).itertuples(index=False)
    return Table(
        item.name,
        item.caption,
        [str(column) for column in shown.columns],
        numeric,
        [[format_cell(cell) for cell in row] for row in rows],
        len(frame),
        folded=not item.first and len(frame) > SHOWN_ROWS,
    )


def _order(values: pd.Series) -> np.ndarray:
    """Rows by the size of a number, the largest first, those without one last; or no before yes."""
    key = values if values.dtype == bool else -values.abs().fillna(-np.inf)
    return np.argsort(key.to_numpy(), kind="stable")


def format_cell(cell: Any) -> str:
    """Three significant digits (more before the point), thousands separated, a dash where there is no value."""
    if isinstance(cell, bool | np.bool_):
        return "yes" if cell else "no"
    if isinstance(cell, float) and not np.isfinite(cell):
        return "–"
    if isinstance(cell, int | float) and float(cell).is_integer():
        return f"{int(cell):,}"
    if not isinstance(cell, float):
        return str(cell)
    if abs(cell) >= 1000:
        return f"{cell:,.0f}"
    return f"{cell:.3f}" if 0.1 <= abs(cell) < 10 else f"{cell:.3g}"


def audit_summary(name: str, metrics: Mapping[str, Any]) -> str:
    """The audit of one classifier in numbers; what is not there, as the truth of real radiographs, is left out."""
    at = ("confounders",) if name == OURS else ("confounders", name)
    find = Finder(metrics)
    parts = [
        (find(*at, "pairs", ",.0f"), "{} pairs"),
        (find(*at, "appear", ",.0f"), "in {} the confounder appears"),
        (find(*at, "rises", ",.0f"), "in {} the score rises with it alone"),
        (find(*at, "falls", ",.0f"), "in {} it falls"),
        (find(*at, "flagged", ",.0f"), "{} flagged"),
        (find(*at, "cace", "average_precision", ".2f"), "average precision against the truth {}"),
        (find(*at, "cace", "spearman", ".2f"), "Spearman {}"),
        (find(*at, "cace", "false_alarms", ".1%"), "false alarms {}"),
        (find(*at, "cace", "coverage", ".0%"), "95 % intervals hold the truth in {}"),
    ]
    said = "; ".join(text.format(value) for value, text in parts if value)
    return f"{said}." if said else ""
