"""The picture of the README: a radiograph, its counterfactual, the true twin, and what other scores did."""

from collections.abc import Mapping, Set

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from diffchest import paths
from diffchest.contracts.explained import Explained
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
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
    WIDTH,
    NothingToDrawError,
    difference_limit,
    footnote,
    show_difference,
    show_identified,
    show_picture,
    signed_difference,
    wrapped,
)
from diffchest.findings.vocabulary import KIND, visible_findings

BARS = 6


def draw(params: FigureParams) -> Figure:
    """Draw the case that `choose` finds: radiograph, counterfactual, difference, true twin, and what else changed."""
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
    figure = new_figure("What does the classifier really look at?", params, height=80)
    side = WIDTH / (6.5 if twin else 5.5)
    grid = figure.subplots(1, 5 if twin else 4, width_ratios=[*([1] * (4 if twin else 3)), 1.25])
    show_identified(grid[0], before, explained.image_id[row], side=side)
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
        if caption:
            axes.set_xlabel(caption, fontsize=6.5)
    flagged = set(pairs.loc[(pairs["target"] == name) & pairs["flagged"], "confounder"])
    others = others_in(explained, row, target)
    audited = others.index[others.index.isin(pairs["confounder"])]  # what a head that is not judged says is left out
    _draw_bars(grid[-1], others[visible_findings(audited, on_phantoms=params.on_phantoms)], flagged)
    which = (
        "; cosine: of the two changes; of pictures that cross 0.5, flagged findings first, the nearest to its twin"
        if twin
        else ""
    )
    footnote(figure, f"{describe(params, explained.step, [name])}; bars: findings that are audited{which}")
    return figure


def choose(
    explained: Explained, pairs: pd.DataFrame, cosines: Mapping[tuple[int, int], float], *, sign: int
) -> tuple[int, int]:
    """Index of the target and of the radiograph to show, of the targets that the audit flags, or else of all audited.

    Where there are true twins, the picture that is nearest to its own, of those whose probability crosses 0.5 and whose
    target is flagged before others; cosines: of the changes, by target and radiograph. Otherwise the target whose
    flagged confounder has the largest effect (without a flagged one, whose any confounder has), and the radiograph
    whose probability of it rose most (sign 1) or fell most (-1). `NothingToDrawError` when no target was audited.
    """
    audited = pairs[pairs["target"].isin(explained.targets)]
    if audited.empty:
        raise NothingToDrawError("the audit has no row for any of explain.targets")
    order = audited.sort_values(["flagged", "effect", "target"], ascending=[False, False, True])
    kept = order[order["flagged"] == order["flagged"].iloc[0]]["target"]
    crossed = (explained.before > 0.5) != (explained.after > 0.5)
    worth = {
        (target, row): (crossed[row, target], explained.targets[target] in set(kept), cosine)
        for (target, row), cosine in cosines.items()
        if explained.targets[target] in set(audited["target"])
    }
    if worth:
        return max(worth, key=lambda case: worth[case])
    target = explained.targets.index(kept.iloc[0])
    rise = sign * (explained.after[:, target] - explained.before[:, target])
    return target, int(rise.argmax())


def others_in(explained: Explained, row: int, target: int) -> pd.Series:
    """Change of the other findings' logits in one picture, in the standard deviation of each, the largest first."""
    spread = Moves.load(paths.MOVES).logit_spread(Head.load(paths.HEAD))[explained.findings].to_numpy()
    change = (explained.logits_after[row, target] - explained.logits_before[row]) / spread
    others = pd.Series(change, index=explained.findings).drop(explained.targets[target])
    return others.iloc[np.argsort(-others.abs().to_numpy(), kind="stable")]


def _draw_bars(axes: Axes, others: pd.Series, flagged: Set[str]) -> None:
    top = others.head(BARS)
    colours = [KIND_COLOUR[KIND[name]] if name in KIND else INK for name in top.index]
    axes.barh(range(len(top)), top, color=colours, height=0.42)
    for number, name in enumerate(top.index):
        weight = "bold" if name in flagged else "normal"
        axes.text(min(top.min(), 0), number - 0.3, wrapped(name, 40, 1), fontsize=6.2, va="bottom", weight=weight)
    axes.axvline(0, color=LIGHT, linewidth=0.8)
    axes.set_ylim(len(top) - 0.5, -0.9)
    axes.set_yticks([])
    shown = [kind for kind in ("treatment", "physiology") if any(KIND.get(name) == kind for name in top.index)]
    handles = [Patch(color=KIND_COLOUR[kind], label=kind) for kind in shown]
    axes.set_title("what else its scores did", fontsize=7.5, pad=15 if handles else None)
    axes.set_xlabel(
        "change in SD" + ("\n(bold: flagged)" if any(name in flagged for name in top.index) else ""), fontsize=6.5
    )
    axes.spines["left"].set_visible(False)
    if handles:
        axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0.2)
