"""The report: one static HTML page that links the figures and holds the tables, and all metrics in one file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.params.base import OURS
from diffchest.report.contents import SECTIONS, STAGES, Item, ReportParams, Section, figures_of, simulated

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

    @property
    def folded(self) -> bool:
        """Whether the reader opens it."""
        return self.total > SHOWN_ROWS


def collect_metrics(folder: Path = paths.STAGE_METRICS) -> dict[str, Any]:
    """The metrics of every stage by stage name, in the pipeline's order; a stage without a file is left out."""
    files = {stage: folder / f"{stage}.json" for stage in STAGES}
    return {stage: json.loads(file.read_text()) for stage, file in files.items() if file.is_file()}


def build_report(params: ReportParams, metrics: Mapping[str, Any]) -> str:
    """The HTML page, from the tables and figures in `reports/`; the same inputs give the same text."""
    loader = jinja2.PackageLoader("diffchest.report", package_path=".")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    subject = "phantom radiographs (embedded default)" if params.on_phantoms else params.dataset
    shown = [(section, *_contents(section, params, metrics)) for section in SECTIONS]
    return environment.get_template("template.html").render(
        title=f"DiffChest report: {subject}",
        on_phantoms=params.on_phantoms,
        phantoms=params.phantoms,
        dataset=params.dataset,
        simulated=simulated(params, metrics),
        numbers=key_numbers(metrics, params),
        sections=[entry for entry in shown if entry[1] or entry[2]],
    )


def _contents(section: Section, params: ReportParams, metrics: Mapping[str, Any]) -> tuple[list[Item], list[Table]]:
    items = [replace(item, name=item.name.format(reference=params.reference)) for item in section.tables]
    tables = [table for item in items if (table := read_table(item)) is not None]
    return figures_of(section, params, metrics), tables


def read_table(item: Item) -> Table | None:
    """Read and format `reports/tables/<name>.csv`; None where no stage wrote it."""
    path = paths.table(item.name)
    if not path.is_file():
        return None
    frame = pd.read_csv(path, keep_default_na=False, na_values=["", "nan", "NaN"])
    numeric = [dtype.kind in "if" for dtype in frame.dtypes]
    rows = [[format_cell(cell) for cell in row] for row in frame.head(MOST_ROWS).itertuples(index=False)]
    return Table(item.name, item.caption, [str(column) for column in frame.columns], numeric, rows, len(frame))


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


def key_numbers(metrics: Mapping[str, Any], params: ReportParams) -> list[tuple[str, str, str]]:
    """The numbers at the top of the page: (value, name, remark); those that are not there are left out."""
    reference = params.reference
    ours = ("evaluate", OURS)
    find = _Finder(metrics)
    compared = find("compare", "findings", ".0f")
    better = find("compare", "wins", ".0f")
    candidates = [
        (find(*ours, "macro_auc", ".3f"), "mean AUC, all findings", find.interval("macro_auc")),
        (find(*ours, "drawn_macro_auc", ".3f"), "mean AUC, drawn findings", find.interval("drawn_macro_auc")),
        (find(*ours, "not_drawn_macro_auc", ".3f"), "mean AUC, findings not drawn", "negative controls"),
        (find("evaluate", reference, "macro_auc", ".3f"), f"mean AUC of {reference}", "reference, findings it scores"),
        (better and f"{better} of {compared}", f"findings better than {reference}", ""),
        (find("confounders", "precision", ".2f"), "precision of the audit", "against planted pairs"),
        (find("confounders", "recall", ".2f"), "recall of the audit", "against planted pairs"),
        (find("confounders", "flagged", ",.0f"), "pairs flagged by the audit", ""),
        (find("explain", "counterfactuals", "flipped", ".0%"), "counterfactuals that flip", "score crosses 0.5"),
        (find("explain", "counterfactuals", "reached", ".0%"), "of the change asked for is seen", "in the picture"),
        (find("explain", "reconstruction", "mae", ".4f"), "reconstruction error", "mean absolute, gray scale 0 to 1"),
        (find("explain", "reconstruction", "ssim", ".3f"), "reconstruction SSIM", ""),
    ]
    return [(value, name, remark) for value, name, remark in candidates if value]


class _Finder:
    """Looks up nested metrics and formats them."""

    def __init__(self, metrics: Mapping[str, Any]) -> None:
        self._metrics = metrics

    def __call__(self, *keys_and_format: str) -> str | None:
        *keys, spec = keys_and_format
        value = reduce(lambda found, key: found.get(key) if isinstance(found, Mapping) else None, keys, self._metrics)
        return format(value, spec) if isinstance(value, int | float) else None

    def interval(self, name: str) -> str:
        """The confidence interval of a mean AUC, or nothing."""
        low, high = (self("evaluate", OURS, f"{name}_{end}", ".3f") for end in ("low", "high"))
        return f"{low} to {high}" if low and high else ""
