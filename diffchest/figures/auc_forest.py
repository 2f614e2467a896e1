"""Figure 2: AUC with its confidence interval for every finding, DiffChest against the reference model."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import BLUE, GREY, INK, ORANGE, forest_axes, wrapped
from diffchest.findings.averaged import mean_over_findings
from diffchest.params.base import OURS

ROW = 4.6  # mm


def draw(params: FigureParams) -> Figure:
    """Draw `auc.csv` as a forest in two panels, findings sorted by the AUC of DiffChest."""
    bound = params.positives_above
    table = read_rows(paths.table("auc"), stage="evaluate", empty=f"no finding has more than {bound} test positives")
    reference = params.reference
    ours = table[table["model"] == OURS].sort_values(["auc", "finding"], ascending=[False, True])
    theirs = table[table["model"] == reference].set_index("finding").reindex(ours["finding"])
    half = math.ceil(len(ours) / 2)
    confidence = params.confidence
    figure = new_figure(f"AUC per finding with {confidence:.0%} interval", params, height=26 + ROW * max(half, 4))
    panels = figure.subplots(1, 2, sharex=True) if half < len(ours) else [figure.subplots()]
    for number, axes in enumerate(panels):
        rows = slice(number * half, (number + 1) * half)
        _draw_panel(axes, ours.iloc[rows], theirs.iloc[rows], params, height=half)
    findings = ours["finding"].tolist()
    named = (("DiffChest", ours["auc"]), (reference, theirs["auc"]))
    means = [f"{name}: mean {mean_over_findings(findings, auc)[0]:.3f}" for name, auc in named]
    gray = "; gray names: not drawn" if params.on_phantoms else ""
    markers = [panels[0].collections[3], panels[0].collections[1]]
    title = f"AUC (in brackets: positives in the test set{gray})"
    figure.legend(markers, means, title=title, title_fontsize=7, loc="outside lower center", ncols=2)
    return figure


def _draw_panel(axes: Axes, ours: pd.DataFrame, theirs: pd.DataFrame, params: FigureParams, *, height: int) -> None:
    """One panel; names of findings that phantoms do not show are gray."""
    for table, offset, colour, marker in ((theirs, 0.17, ORANGE, "D"), (ours, -0.17, BLUE, "o")):
        position = [row + offset for row in range(len(table))]
        axes.hlines(position, table["low"], table["high"], color=colour, lw=1)
        axes.scatter(table["auc"], position, color=colour, marker=marker, s=7 if marker == "D" else 10, zorder=3)
    counted = zip(ours["finding"], ours["positives"], strict=True)
    names = [f"{wrapped(finding, 44, 1)}  ({count:,})" for finding, count in counted]
    forest_axes(axes, names, rows=height, fontsize=5.8)
    if params.on_phantoms:
        for label, drawn in zip(axes.get_yticklabels(), ours["drawn"], strict=True):
            label.set_color(INK if drawn else GREY)
