"""What goes with a finding, as a matrix: what moving towards each target does to the score of every other finding."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from scipy.cluster.hierarchy import leaves_list, linkage

from diffchest import paths
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import CONTRADICTED, DIVERGING, FLAGGED, INK, LIGHT, wrapped

APPEARS: Any = {"s": 5, "color": INK, "edgecolors": "white", "linewidths": 0.5}
LARGEST = 42  # rows and columns: 4 mm each at print size


def draw(params: FigureParams) -> Figure:
    """Draw the effects of `confounders.csv`; dots: what appears, and flagged pairs; frames: planted ones (phantoms)."""
    empty = "no target could be audited: no finding is judged (the reasons are in auc.csv), or none passed its gates"
    pairs = read_rows(paths.table("confounders"), stage="confounders", empty=empty)
    matrix = ordered(chosen(pairs.pivot(index="target", columns="confounder", values="effect")))
    rows, columns = matrix.shape
    figure = new_figure("What goes with it?", params, height=68 + 3.1 * rows)
    axes = figure.subplots()
    limit = float(np.nanpercentile(np.abs(matrix.to_numpy()), 99)) or 1.0
    picture = axes.imshow(matrix, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    axes.set_facecolor(LIGHT)
    size = 5.4 if max(rows, columns) > 25 else 6.5
    axes.set_xticks(range(columns), [wrapped(name, 48, 1) for name in matrix.columns], rotation=90, fontsize=size)
    axes.set_yticks(range(rows), [wrapped(name, 48, 1) for name in matrix.index], fontsize=size)
    axes.tick_params(length=0, pad=2)
    axes.set_ylabel("moved towards")
    axes.set_xlabel("finding whose score is read")
    _mark(axes, matrix, pairs)
    bar = figure.colorbar(picture, ax=axes, extend="both", shrink=0.6, aspect=30, pad=0.01)
    bar.set_label("mean change of the logit,\nin its standard deviations")
    bar.outline.set_visible(False)  # type: ignore[operator]
    handles: list[Artist] = [
        axes.scatter([], [], label="appears", **APPEARS),
        axes.scatter([], [], label="appears, and alone raises the target's score (flagged)", **FLAGGED),
        axes.scatter([], [], label="... though labelled together less often than by chance", **CONTRADICTED),
        Patch(color=LIGHT, label="the target itself"),
    ]
    if params.on_phantoms:
        handles.append(Patch(facecolor="none", edgecolor=INK, label="planted in the labels"))
    figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def chosen(matrix: pd.DataFrame) -> pd.DataFrame:
    """The rows and columns with the largest effects, at most `LARGEST` each; all targets are kept as columns first."""
    strength = matrix.abs().max(axis=1).sort_values(ascending=False, kind="stable")
    targets = sorted(strength.index[:LARGEST])
    reached = matrix.loc[targets].abs().max(axis=0).sort_values(ascending=False, kind="stable")
    others = [finding for finding in reached.index if finding not in targets]
    known = [finding for finding in targets if finding in matrix.columns]
    return matrix.loc[targets, (known + others)[:LARGEST]]


def ordered(matrix: pd.DataFrame) -> pd.DataFrame:
    """Reorder so that targets with like effects stand together; columns follow the rows, then the strongest others."""
    filled = matrix.fillna(0.0).to_numpy()
    rows = list(matrix.index)
    if len(rows) > 2:
        tree = linkage(filled, method="average", metric="euclidean", optimal_ordering=True)
        rows = [rows[leaf] for leaf in leaves_list(tree)]
    columns = [name for name in rows if name in matrix.columns]
    return matrix.loc[rows, columns + [name for name in matrix.columns if name not in columns]]


def _mark(axes: Axes, matrix: pd.DataFrame, pairs: pd.DataFrame) -> None:
    row_of = {name: number for number, name in enumerate(matrix.index)}
    column_of = {name: number for number, name in enumerate(matrix.columns)}
    shown = pairs[pairs["target"].isin(row_of) & pairs["confounder"].isin(column_of)]
    x, y = shown["confounder"].map(column_of), shown["target"].map(row_of)
    appears, flagged, planted = (shown[mark].astype(bool) for mark in ("appears", "flagged", "planted"))
    axes.scatter(x[appears & ~flagged], y[appears & ~flagged], **APPEARS)
    against = shown["contradicted_by_labels"].astype(bool)
    axes.scatter(x[flagged & ~against], y[flagged & ~against], **FLAGGED)
    axes.scatter(x[flagged & against], y[flagged & against], **CONTRADICTED)
    frames = [
        Rectangle((left - 0.46, top - 0.46), 0.92, 0.92) for left, top in zip(x[planted], y[planted], strict=True)
    ]
    axes.add_collection(PatchCollection(frames, facecolor="none", edgecolor=INK, linewidth=0.8))
