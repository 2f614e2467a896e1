"""The picture of the README: a radiograph, its counterfactual, the true twin, and what else rises with the finding."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from diffchest import paths
from diffchest.contracts.explained import Explained
from diffchest.figures.explained import (
    TwinsBeside,
    alike,
    describe,
    direction,
    moved_from,
    read_explained,
    score,
    start_name,
)
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import (
    INK,
    KIND_COLOUR,
    LIGHT,
    NothingToDrawError,
    difference_limit,
    footnote,
    show_difference,
    show_picture,
    signed_difference,
    wrapped,
)

BARS = 6


def draw(params: FigureParams) -> Figure:
    """Draw the case that `choose` finds: radiograph, counterfactual, difference, true twin, and the audit of it."""
    explained, twins = read_explained(), TwinsBeside(params)
    pairs = read_rows(paths.table("confounders"), stage="confounders", empty="no pair of findings could be audited")
    beside = {
        (target, row): twins.of(image_id, name, explained.original[row], explained.counterfactual[row, target])
        for target, name in enumerate(explained.targets)
        for row, image_id in enumerate(explained.image_id)
    }
    cosines = {case: twin.cosine for case, twin in beside.items() if twin is not None}
    target, row = choose(explained, pairs, cosines, sign=1 if params.move.towards == "presence" else -1)
    name, twin = explained.targets[target], beside[target, row]
    before = moved_from(explained, params.drawn)[row]
    change = signed_difference(explained.counterfactual[row, target], before)
    figure = new_figure("What does the classifier really look at?", params, height=74)
    grid = figure.subplots(1, 5 if twin else 4, width_ratios=[*([1] * (4 if twin else 3)), 1.25])
    show_picture(grid[0], before)
    show_picture(grid[1], explained.counterfactual[row, target])
    show_difference(grid[2], change, limit=difference_limit(change))
    short = wrapped(name, 20 if twin else 24, lines=1)
    titles = [start_name(params.drawn), f"moved {direction(params.move)}\n{short}", "what changed"]
    below = ["", f"score {score(explained, row, target)}", "blue darker, red brighter"]
    if twin is not None:
        show_picture(grid[3], twin.picture)
        titles.append(f"true twin: drawn\n{'with' if params.move.towards == 'presence' else 'without'} it")
        below.append(alike(twin))
    for axes, title, caption in zip(grid, titles, below, strict=False):
        axes.set_title(title, fontsize=7.5)
        axes.set_xlabel(caption, fontsize=6.5)
    rises = pairs[pairs["target"] == name]
    _draw_bars(grid[-1], rises)
    which = (
        "; cosine: of the two changes; of findings flagged in the audit, if any, the picture nearest to its twin"
        if twin
        else ""
    )
    footnote(figure, f"{describe(params, explained.step)}{which}")
    return figure


def choose(
    explained: Explained, pairs: pd.DataFrame, cosines: Mapping[tuple[int, int], float], *, sign: int
) -> tuple[int, int]:
    """Index of the target and of the radiograph to show, of the targets that the audit flags, or else of all audited.

    Where there are true twins, the case that is nearest to its own; cosines: of the changes, by target and radiograph.
    Otherwise the target whose flagged confounder has the largest effect (without a flagged one, whose any confounder
    has), and the radiograph whose probability of it rose most (sign 1) or fell most (-1). `NothingToDrawError` when no
    target was audited.
    """
    audited = pairs[pairs["target"].isin(explained.targets)]
    if audited.empty:
        raise NothingToDrawError("the audit has no row for any of explain.targets")
    order = audited.sort_values(["flagged", "effect", "target"], ascending=[False, False, True])
    kept = order[order["flagged"] == order["flagged"].iloc[0]]["target"]
    known = {case: cosine for case, cosine in cosines.items() if explained.targets[case[0]] in set(kept)}
    if known:
        return max(known, key=lambda case: known[case])
    target = explained.targets.index(kept.iloc[0])
    rise = sign * (explained.after[:, target] - explained.before[:, target])
    return target, int(rise.argmax())


def _draw_bars(axes: Axes, pairs: pd.DataFrame) -> None:
    top = pairs.sort_values(["flagged", "effect", "confounder"], ascending=[False, False, True]).head(BARS)
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
    axes.set_title("what else rises (audit)", fontsize=7.5)
    axes.set_xlabel("mean SD (pale: not flagged)", fontsize=6.5)
    axes.spines["left"].set_color(LIGHT)
    shown = [kind for kind in ("treatment", "physiology") if (kinds == kind).any()]
    handles = [Patch(color=KIND_COLOUR[kind], label=kind) for kind in shown]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=2)
