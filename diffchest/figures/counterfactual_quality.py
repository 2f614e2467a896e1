"""How good the counterfactuals are: one panel per measure, one row per finding."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.contracts.explained import MACRO
from diffchest.figures.explained import describe_twin, direction
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import BLUE, GREY, INK, LIGHT, footnote, wrapped

PANELS = {
    ("head", "reached"): "seen of the\nchange asked for",
    ("head", "flipped"): "share that\ncross 0.5",
    ("head", "own_change"): "change of\nits logit, SD",
    ("head", "off_target"): "of the other\nlogits, SD",
    ("head", "l1"): "L1 to the\noriginal",
    ("head", "ssim"): "SSIM to the\noriginal",
}
TWIN = "{} twin"  # judge of those whose finding was added, or removed: as the counterfactuals were moved
TWIN_PANELS = {  # where there are true twins
    (TWIN, "cosine"): "cosine with\nthe twin",
    (TWIN, "size_ratio"): "size /\nthe twin's",
    (TWIN, "outside"): "share outside\nthe twin's",
    (TWIN, "own"): "its logit /\nthe twin's",
    (TWIN, "off_target"): "other logits /\nthe twin's",
    ("head", "reached"): "seen of the\nchange asked for",
}
OF_THE_TWIN = ("size_ratio", "own", "off_target")  # of TWIN_PANELS: 1 is as the twin
SPREAD = "SD: of a logit among the fine-tuning radiographs"
FROM_ZERO = ("flipped", "own_change", "off_target", "l1", "cosine", "outside", "own")


def draw(params: FigureParams) -> Figure:
    """Draw mean and interval of each measure for every finding, and the mean over the findings at the bottom."""
    empty = "no radiograph was moved"
    table = read_rows(paths.table("counterfactual_quality"), stage="explain", empty=empty)
    twin = TWIN.format("added" if params.move.towards == "presence" else "removed")
    beside_twins = bool((table["judge"] == twin).any())
    panels = TWIN_PANELS if beside_twins else PANELS
    table = table[[key in panels for key in zip(table["judge"].replace(twin, TWIN), table["measure"], strict=True)]]
    targets = [*dict.fromkeys(table.loc[table["target"] != MACRO, "target"]), MACRO]
    title = f"How good counterfactuals are, moved {direction(params.move)} a finding"
    figure = new_figure(title, params, height=26 + 5.5 * len(targets))
    grid = figure.subplots(1, len(panels), sharey=True)
    for axes, ((judge, measure), name) in zip(grid, panels.items(), strict=True):
        judged = table["judge"] == judge.replace(TWIN, twin)
        rows = table[judged & (table["measure"] == measure)].set_index("target").reindex(targets)
        _points(axes, rows)
        if judge == TWIN and measure in OF_THE_TWIN:
            axes.axvline(1, color=GREY, linewidth=0.7, linestyle=":")
        _limits(axes, measure, rows)
        axes.set_xlabel(name)
        axes.grid(axis="x", color=LIGHT, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
    grid[0].axhline(len(targets) - 1.5, color=LIGHT, linewidth=0.8)
    grid[0].set_yticks(range(len(targets)), [wrapped(target, 30, lines=2) for target in targets])
    grid[0].set_ylim(len(targets) - 0.4, -0.6)
    counts = table[table["target"] != MACRO].groupby("target")["n"].max()
    most, least = counts.max(), counts.min()
    number = f"{most}" if most == least else f"{least} to {most}"
    unit = f"{describe_twin(params.move)}; dotted: as the twin" if beside_twins else SPREAD
    footnote(
        figure,
        f"{number} radiographs for each finding; bars: {params.confidence:.0%} intervals "
        f"over patients; diamond: mean over findings; {unit}",
    )
    return figure


def _points(axes: Axes, rows: pd.DataFrame) -> None:
    """Value and interval of each row, from the top down; the last one is the mean over the findings."""
    value = rows["value"].to_numpy(dtype=float)
    error = np.abs(rows[["low", "high"]].to_numpy(dtype=float).T - value)
    for place in range(len(rows)):
        overall = place == len(rows) - 1
        colour, marker = (INK, "D") if overall else (BLUE, "o")
        style = {"color": colour, "marker": marker, "markersize": 3.5, "elinewidth": 1, "linestyle": ""}
        axes.errorbar(value[place], place, xerr=error[:, [place]], **style)


def _limits(axes: Axes, measure: str, rows: pd.DataFrame) -> None:
    """From zero where zero means something; in logarithms where a thin finding may be drawn many times as large."""
    if measure == "size_ratio":
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xticks([0, 1, 10], ["0", "1", "10"])
        axes.set_xticks([], minor=True)
        ends = np.nan_to_num(rows[["value", "low", "high"]].to_numpy(dtype=float))
        axes.set_xlim(1.3 * min(ends.min(), 0.0) - 0.1, 1.3 * max(ends.max(), 1.0))
    elif measure in FROM_ZERO:
        low, high = min(axes.get_xlim()[0], 0.0), max(axes.get_xlim()[1], 0.0)
        axes.set_xlim(low - 0.05 * (high - low), high + 0.05 * (high - low))
