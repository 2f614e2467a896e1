"""Figure 2: AUC with its confidence interval for every judged finding, DiffChest against the reference model."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import BLUE, GREY, INK, ORANGE, NothingToDrawError, forest_axes, wrapped
from diffchest.findings.averaged import FINDING, mean_over_findings
from diffchest.params.base import OURS

ROW = 4.6  # mm
LINE = 3.2  # mm of the footnote
WIDE = 128  # characters of a line of it
NAMED = 20  # findings that are not judged and named all the same, the most frequent ones


def draw(params: FigureParams) -> Figure:
    """Draw `auc.csv` as a forest in two panels: findings by the AUC of DiffChest, then what is no finding."""
    table = read_rows(paths.table("auc"), stage="evaluate", empty="no model was evaluated")
    listed = table[table["model"] == OURS]
    ours, foot = listed[listed["auc"].notna()], _unjudged(listed[listed["auc"].isna()], params.positives_above)
    if ours.empty:
        raise NothingToDrawError(foot)
    reference = params.reference
    theirs = table[table["model"] == reference].set_index("finding").reindex(ours["finding"])
    half = math.ceil(len(ours) / 2)
    confidence = params.confidence
    height = 26 + ROW * max(half, 4) + (6 + LINE * (wrapped(foot, WIDE).count("\n") + 1) if foot else 0)
    figure = new_figure(f"AUC per finding with {confidence:.0%} interval", params, height=height)
    panels = figure.subplots(1, 2, sharex=True) if half < len(ours) else [figure.subplots()]
    for number, axes in enumerate(panels):
        rows = slice(number * half, (number + 1) * half)
        _draw_panel(axes, ours.iloc[rows], theirs.iloc[rows], params, height=half)
    of = ours["drawn"].to_numpy(bool) if params.on_phantoms else np.ones(len(ours), dtype=bool)  # as the report's mean
    what = "drawn findings" if params.on_phantoms else "findings"
    both = (("DiffChest", ours["auc"]), (reference, theirs["auc"]))
    means = [_mean(name, ours["kind"][of], auc[of], what) for name, auc in both]
    gray = "; gray names: not drawn" if params.on_phantoms else ""
    markers = [panels[0].collections[3], panels[0].collections[1]]
    # in one legend with the footnote, since two things outside the panels would be drawn over each other
    title = f"AUC (in brackets: positives in the test set{gray})" + (f"\n\n{wrapped(foot, WIDE)}" if foot else "")
    legend = figure.legend(markers, means, title=title, title_fontsize=6.5, loc="outside lower center", ncols=2)
    legend.get_title().set_multialignment("center")
    return figure


def _mean(name: str, kinds: pd.Series, auc: pd.Series, what: str) -> str:
    mean, number = mean_over_findings(kinds, auc)
    return f"{name}: mean of {number} {what} {mean:.3f}" if number else f"{name}: no mean over {what}"


def _unjudged(rows: pd.DataFrame, positives_above: int) -> str:
    """The findings that are only listed, with their positives in test and fine-tuning; "" without any."""
    if rows.empty:
        return ""
    shown = rows.nlargest(NAMED, "positives", keep="first")
    counts = zip(shown["finding"], shown["positives"], shown["finetune_positives"], strict=True)
    names = [f"{name} ({test:,}{'' if pd.isna(seen) else f', {seen:,.0f}'})" for name, test, seen in counts]
    more = f", and {len(rows) - len(shown):,} with fewer" if len(rows) > len(shown) else ""
    return (
        f"Not judged, since more than {positives_above} positives and negatives are needed in the test set and for "
        f"fine-tuning (in brackets: positives in both): {', '.join(names)}{more}. The reasons are in auc.csv."
    )


def _draw_panel(axes: Axes, ours: pd.DataFrame, theirs: pd.DataFrame, params: FigureParams, *, height: int) -> None:
    """One panel; names of findings that phantoms do not show are gray."""
    for table, offset, colour, marker in ((theirs, 0.17, ORANGE, "D"), (ours, -0.17, BLUE, "o")):
        position = [row + offset for row in range(len(table))]
        axes.hlines(position, table["low"], table["high"], color=colour, lw=1)
        axes.scatter(table["auc"], position, color=colour, marker=marker, s=7 if marker == "D" else 10, zorder=3)
    forest_axes(axes, [_name(row) for row in ours.to_dict("records")], rows=height, fontsize=5.8)
    others = ours["kind"].ne(FINDING).to_numpy()
    if others.any() and not others.all():
        axes.axhline(others.argmax() - 0.5, color=GREY, lw=0.5)
    if params.on_phantoms:
        for label, drawn in zip(axes.get_yticklabels(), ours["drawn"], strict=True):
            label.set_color(INK if drawn else GREY)


def _name(row: dict) -> str:
    """A row's name: what it is where it is no finding, its positives, redraws that lacked a class where there are."""
    apart = {FINDING: "", "indicator": " · no finding: indicator", "normal": " · no finding"}[row["kind"]]
    undefined = f"; {row['undefined_redraws']:,.0f} redraws undefined" if row["undefined_redraws"] else ""
    return f"{wrapped(row['finding'] + apart, 44, 1)}  ({row['positives']:,}{undefined})"
