"""AUC by sex, age and view of the findings whose groups differ most."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import CYCLE, NothingToDrawError, forest_axes, wrapped
from diffchest.params.base import OURS

ROWS = 10  # findings of each attribute
ROW = 8.0  # mm
ALPHA = 0.05


def draw(params: FigureParams) -> Figure:
    """Draw, for each attribute, the findings with the smallest p-values of `subgroup_gaps.csv`."""
    empty = (
        "no judged finding has two groups with enough positives and negatives, or evaluation.subgroups.attributes is "
        "empty"
    )
    gaps = read_rows(paths.table("subgroup_gaps"), stage="subgroups", empty=empty)
    table = read_rows(paths.table("subgroups"), stage="subgroups", empty=empty)
    gaps = gaps[(gaps["model"] == OURS) & (gaps["measure"] == "auc")]
    table = table[table["model"] == OURS]
    if gaps.empty:
        raise NothingToDrawError(empty)
    attributes = [name for name in params.groups if name in set(gaps["attribute"])]
    room = min(ROWS, max((int((gaps["attribute"] == name).sum()) for name in attributes), default=1))
    figure = new_figure("AUC by group: the findings whose groups differ most", params, height=24 + ROW * max(room, 4))
    panels = figure.subplots(1, max(len(attributes), 1), squeeze=False).ravel()
    for axes, attribute in zip(panels, attributes, strict=False):
        rows = table[table["attribute"] == attribute]
        _draw_panel(axes, gaps[gaps["attribute"] == attribute].nsmallest(ROWS, "p_value", keep="first"), rows, room)
        axes.set_title(attribute, loc="left", pad=10)  # above the legend
    interval = f"{params.confidence:.0%} interval"
    figure.supxlabel(
        f"AUC with {interval}, in brackets the positives of the groups\n"
        f"* the gap remains after Holm's correction over all findings and attributes (p < {ALPHA:g})",
        fontsize=7,
    )
    return figure


def _draw_panel(axes: Axes, gaps: pd.DataFrame, table: pd.DataFrame, room: int) -> None:
    groups = list(dict.fromkeys(table["group"]))
    shift = 0.7 / max(len(groups), 1)
    for number, (group, colour) in enumerate(zip(groups, CYCLE, strict=False)):
        own = table[table["group"] == group].set_index("finding").reindex(gaps["finding"])
        position = [row + (number - (len(groups) - 1) / 2) * shift for row in range(len(gaps))]
        axes.hlines(position, own["low"], own["high"], color=colour, lw=1)
        axes.scatter(own["auc"], position, color=colour, s=9, zorder=3, label=group)
    names = []
    for finding, p in zip(gaps["finding"], gaps["p_holm"], strict=True):
        counts = table[table["finding"] == finding].set_index("group")["positives"].reindex(groups)
        shown = ", ".join("–" if pd.isna(count) else f"{count:,.0f}" for count in counts)
        names.append(f"{wrapped(finding, 24, 2)}{' *' if p < ALPHA else ''}\n({shown})")
    forest_axes(axes, names, rows=room, fontsize=5.3, linespacing=0.95)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.985),
        ncols=len(groups),
        fontsize=5.5,
        handletextpad=0.0,
        handlelength=1.2,
        columnspacing=0.4,
        borderaxespad=0,
    )
