"""AUC of each finding with and without its confounder, the largest drops first."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import BLUE, INK, RED, NothingToDrawError, forest_axes, wrapped

ROWS = 20  # pairs of each panel
ROW = 7.0  # mm
PANELS = {  # by source of the pair; the first two that have pairs are drawn
    "audit": "flagged by the audit",
    "not audited": "in the labels, target not audited",
    "labels": "in the labels, not flagged by the audit",
}
NOT_DRAWN = "findings that no picture shows"  # those not audited on phantoms
GROUPS = (("with_", RED, "D", 0.22), ("", INK, "|", 0.0), ("without_", BLUE, "o", -0.22))
NAMES = {"with_": "with the confounder", "": "all radiographs", "without_": "without the confounder"}


def draw(params: FigureParams) -> Figure:
    """Draw the pairs of `reliance.csv` with the largest drops, those of the audit beside others."""
    empty = "the audit flags no pair, and no two evaluated findings go together in the labels"
    table = read_rows(paths.table("reliance"), stage="reliance", empty=empty)
    tested = table[table["drop"].notna()]
    bound = params.group_positives_above
    if tested.empty:
        raise NothingToDrawError(f"no pair has more than {bound} positives and negatives without the confounder")
    sources = [source for source in PANELS if (tested["source"] == source).any()][:2]
    shown = [tested[tested["source"] == source].nlargest(ROWS, "drop", keep="first") for source in sources]
    height = max(len(rows) for rows in shown)
    figure = new_figure("AUC with and without a confounder", params, height=32 + ROW * max(height, 3))
    panels = figure.subplots(1, len(sources), squeeze=False, sharex=True).ravel()
    for axes, source, rows in zip(panels, sources, shown, strict=True):
        _draw_panel(axes, rows, height, rate=params.false_discovery_rate)
        whole = int((tested["source"] == source).sum())
        title = NOT_DRAWN if source == "not audited" and params.on_phantoms else PANELS[source]
        axes.set_title(f"{title}:\nlargest drops of {whole} pairs", loc="left")
    handles, labels = panels[0].get_legend_handles_labels()
    interval = f"{params.confidence:.0%} interval"
    title = (
        f"AUC of the finding (upper name) with {interval}; in brackets its positives with and without the confounder "
        "(lower name)\n* AUC without it is lower than over all (Benjamini-Hochberg); ** and at most half of what was "
        "above chance is left"
    )
    legend = figure.legend(handles, labels, title=title, title_fontsize=6.5, loc="outside lower center", ncols=3)
    legend.get_title().set_multialignment("center")
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame, height: int, *, rate: float) -> None:
    for group, colour, marker, offset in GROUPS:
        position = [row - offset for row in range(len(rows))]
        axes.hlines(position, rows[f"{group}low"], rows[f"{group}high"], color=colour, lw=0.8)
        size = {"|": 22, "D": 8, "o": 11}[marker]
        axes.scatter(rows[f"{group}auc"], position, color=colour, marker=marker, s=size, zorder=3, label=NAMES[group])
    names = []
    for row in rows.to_dict("records"):
        mark = " **" if row["collapses"] else " *" if row["drop"] > 0 and row["p_bh"] < rate else ""
        counted = f"({row['with_positives']:,}, {row['without_positives']:,})"
        names.append(f"{wrapped(row['target'], 46, 1)}{mark}\n{wrapped(row['confounder'], 46, 1)} {counted}")
    forest_axes(axes, names, rows=height, fontsize=5.5, linespacing=0.95)
