"""The picture of the README: a radiograph, its counterfactual, the difference, and what else the scores did."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from diffchest import paths
from diffchest.contracts.explained import Explained
from diffchest.figures.explained import read_explained, score
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import (
    INK,
    KIND_COLOUR,
    LIGHT,
    NothingToDrawError,
    difference_limit,
    show_difference,
    show_picture,
    signed_difference,
    wrapped,
)

BARS = 6


def draw(params: FigureParams) -> Figure:
    """Draw the target with the strongest flagged confounder, on the radiograph whose score rose most."""
    explained = read_explained()
    pairs = read_rows(paths.table("confounders"), stage="confounders", empty="no pair of findings could be audited")
    target, row = choose(explained, pairs)
    name = explained.targets[target]
    change = signed_difference(explained.counterfactual[row, target], explained.reconstruction[row])
    figure = new_figure("What does the classifier really look at?", params, height=68)
    grid = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.25])
    show_picture(grid[0], explained.original[row])
    show_picture(grid[1], explained.counterfactual[row, target])
    show_difference(grid[2], change, limit=difference_limit(change))
    titles = ("disease-free radiograph", f"moved towards\n{wrapped(name, 24, lines=1)}", "what changed")
    below = ("", f"score {score(explained, row, target)}", "blue darker, red brighter")
    for axes, title, caption in zip(grid, titles, below, strict=False):
        axes.set_title(title, fontsize=7.5)
        axes.set_xlabel(caption, fontsize=6.5)
    _draw_bars(grid[3], pairs[pairs["target"] == name], name)
    return figure


def choose(explained: Explained, pairs: pd.DataFrame) -> tuple[int, int]:
    """Index of the target and of the radiograph to show.

    The target whose flagged confounder has the largest effect (without a flagged one, whose any confounder has), and
    the radiograph whose probability of it rose most. `NothingToDrawError` when no target was audited.
    """
    audited = pairs[pairs["target"].isin(explained.targets)]
    if audited.empty:
        raise NothingToDrawError("the audit has no row for any of explain.targets")
    order = audited.sort_values(["flagged", "effect", "target"], ascending=[False, False, True])
    target = explained.targets.index(order["target"].iloc[0])
    rise = explained.after[:, target] - explained.before[:, target]
    return target, int(rise.argmax())


def _draw_bars(axes: Axes, pairs: pd.DataFrame, target: str) -> None:
    top = pairs.sort_values(["effect", "confounder"], ascending=[False, True]).head(BARS)
    kinds = top["kind"].astype(object).fillna("")  # without a known kind the column is read as float
    colours = [KIND_COLOUR.get(kind, INK) for kind in kinds]
    error = [top["effect"] - top["low"], top["high"] - top["effect"]]
    bars = axes.barh(range(len(top)), top["effect"], xerr=error, color=colours, height=0.42, error_kw={"lw": 0.8})
    for number, (bar, name, flagged) in enumerate(zip(bars, top["confounder"], top["flagged"], strict=True)):
        bar.set_alpha(1.0 if flagged else 0.35)
        weight = "bold" if flagged else "normal"
        axes.text(0, number - 0.3, wrapped(name, 40, 1), fontsize=6.2, va="bottom", weight=weight)
    axes.set_ylim(len(top) - 0.5, -0.9)
    axes.set_yticks([])
    axes.set_title("what else rose", fontsize=7.5)
    axes.set_xlabel("mean change in the audit, SD (pale: not flagged)", fontsize=6.5)
    axes.spines["left"].set_color(LIGHT)
    shown = [kind for kind in ("treatment", "physiology") if (kinds == kind).any()]
    handles = [Patch(color=KIND_COLOUR[kind], label=kind) for kind in shown]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2)
