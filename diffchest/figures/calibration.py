"""Reliability curves of the most frequent findings: what a probability says against what was there."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from diffchest import paths
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import BLUE, GREY, LIGHT, ORANGE, NothingToDrawError, wrapped
from diffchest.findings.averaged import averaged
from diffchest.params.base import OURS

PANELS, COLUMNS = 8, 4
TICKS = [0, 0.05, 0.2, 0.5, 1]


def draw(params: FigureParams) -> Figure:
    """Draw `reliability.csv` for the findings with most positives, DiffChest and the reference model."""
    empty = "no finding is judged (the reasons are in auc.csv), or no model gives probabilities"
    table = read_rows(paths.table("calibration"), stage="calibration", empty=empty)
    curves = read_rows(paths.PLOTS / "reliability.csv", stage="calibration", empty=empty)
    reference = params.reference
    ranked = table[averaged(table["kind"])].drop_duplicates("finding").nlargest(PANELS, "positives", keep="all")
    findings = ranked["finding"].tolist()[:PANELS]
    if not findings:
        raise NothingToDrawError("only indicators and the label for nothing abnormal are judged, and no finding")
    rows = int(np.ceil(len(findings) / COLUMNS))
    figure = new_figure("Calibration of the most frequent findings", params, height=16 + 48 * rows)
    grid = figure.subplots(rows, min(COLUMNS, len(findings)), squeeze=False).ravel()
    for axes, finding in zip(grid, findings, strict=False):
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.7, ls=":")
        for model, colour, marker in ((reference, ORANGE, "D"), (OURS, BLUE, "o")):
            _draw_curve(axes, _of(curves, model, finding), _of(table, model, finding), colour, marker)
        axes.set_title(wrapped(finding, 24, 1), loc="left")
    for axes in grid[len(findings) :]:
        axes.set_axis_off()
    markers = [
        Line2D([], [], color=colour, marker=marker, ms=3, lw=0.9, label=name)
        for model, name, colour, marker in ((OURS, "DiffChest", BLUE, "o"), (reference, reference, ORANGE, "D"))
        if model in set(table["model"])
    ]
    figure.legend(
        handles=markers,
        title="each point a tenth of the radiographs, by probability, with the interval of its share; "
        "in the panels: Brier skill, slope",
        title_fontsize=7,
        loc="outside lower center",
        ncols=2,
    )
    for axes in grid[(rows - 1) * COLUMNS :]:
        axes.set_xlabel("mean probability", labelpad=1)
    for axes in grid[::COLUMNS]:
        axes.set_ylabel("share of positives", labelpad=1)
    return figure


def _of(table: pd.DataFrame, model: str, finding: str) -> pd.DataFrame:
    return table[(table["model"] == model) & (table["finding"] == finding)]


def _draw_curve(axes: Axes, curve: pd.DataFrame, numbers: pd.DataFrame, colour: str, marker: str) -> None:
    """One model's curve; both axes grow with the square root, since most probabilities are small."""
    for scale in (axes.set_xscale, axes.set_yscale):
        scale("function", functions=(np.sqrt, np.square))
    if curve.empty:
        return
    error = [(curve["observed"] - curve["low"]).clip(lower=0), (curve["high"] - curve["observed"]).clip(lower=0)]
    axes.errorbar(
        curve["predicted"], curve["observed"], error, color=colour, marker=marker, ms=2.5, lw=0.9, elinewidth=0.7
    )
    ours = marker == "o"
    text = f"{numbers['skill'].iloc[0]:.2f}, {numbers['slope'].iloc[0]:.2f}"
    axes.text(0.04, 0.95 if ours else 0.86, text, color=colour, transform=axes.transAxes, va="top", fontsize=6)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.minorticks_off()
    axes.grid(color=LIGHT, lw=0.4)
    axes.set_axisbelow(True)
