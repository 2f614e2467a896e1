"""What each classifier's scores respond to when another finding is there alone, and how true that is on phantoms."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_audits, read_metrics
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import (
    BLUE,
    CONTRADICTED,
    DIVERGING,
    FLAGGED,
    GREY,
    INK,
    LIGHT,
    MILLIMETRES_PER_INCH,
    ORANGE,
    RED,
    SKY,
    WIDTH,
    wrapped,
)
from diffchest.findings.vocabulary import KIND
from diffchest.params.base import OURS

LARGEST = 42  # rows and columns
KINDS = {"treatment": "treatments", "physiology": "physiology", "": "others"}
RESPONDS = {"rises": ("rises, says the audit", RED), "falls": ("falls", BLUE), "": ("neither", GREY)}
RANKED_BY = {  # as the metrics call what pairs could be ranked by
    "response": "response, of this audit",
    "moved_z": "regression of the score on z",
    "picture": "score of pictures with B put in",
    "difference": "mean score with B less without",
    "appears": "B appears when moved towards A",
    "weight_correlation": "angle of the weights of A and B",
    "lift": "lift of A and B in the labels",
    "cooccurrence": "P(B | A) in the labels",
}
# places on the page, mm
TITLE, NAMES, CELL, GAP, FOOT = 8.0, 43.0, 2.4, 9.0, 13.0
LETTER = 1.05  # of the names of the columns
BESIDE, SCATTER, RANK, BAR = 45.0, 45.0, 3.4, 44.0


def draw(params: FigureParams) -> Figure:
    """Draw a band per classifier: responses by target and finding and, where the truth is known, the two compared."""
    audits = read_audits(list(params.classifiers.sections))
    columns = by_kind(pd.concat(audits.values()))
    matrices = {name: matrix_of(pairs, columns) for name, pairs in audits.items()}
    limit = _limit(list(matrices.values()))
    known = any(pairs["cace"].notna().any() for pairs in audits.values())
    least = SCATTER + 12 + RANK * len(RANKED_BY) if known else 20.0
    heights = [max(len(matrix) * CELL, least) for matrix in matrices.values()]
    names = NAMES if known else min(NAMES, 3 + LETTER * max(map(len, columns)))
    below = names + (0 if known else FOOT)  # names of the columns; beside them there is room for the legend
    whole = TITLE + sum(heights) + GAP * len(heights) + below
    figure = new_figure("What does a score respond to?", params, height=whole)
    figure.set_layout_engine("none")  # every place is given
    figure.suptitle(figure.get_suptitle(), x=0.012, ha="left", y=1 - 2 / whole)
    width = WIDTH - NAMES - 2 - (BESIDE + 15 if known else 0)
    metrics, top = read_metrics("confounders"), TITLE
    for (name, matrix), height in zip(matrices.items(), heights, strict=True):
        axes = _place(figure, NAMES, top + 4, width, height)
        draw_matrix(axes, matrix, audits[name], limit=limit, named=name == list(matrices)[-1])
        figure.text(0.012, 1 - (top + 3.6) / whole, _called(name), weight="bold", fontsize=7.5)
        found = (metrics if name == OURS else metrics.get(name, {})).get("cace", {})
        if found.get("pairs"):
            left = WIDTH - BESIDE - 3
            draw_truth(_place(figure, left, top + 4, BESIDE, SCATTER), audits[name], found)
            draw_ranking(_place(figure, left, top + SCATTER + 16, BESIDE, height - SCATTER - 12), found)
        top += height + GAP
    if unheard := [name for name in params.classifiers.sections if name not in audits]:
        said = f"not audited, as no output passed all gates: {', '.join(unheard)}"
        figure.text(0.012, 1.5 / whole, wrapped(said, 34), fontsize=6, color=GREY)
    left, down = (WIDTH - BESIDE - 3, NAMES - 6) if known else (NAMES, FOOT)
    _legend(figure, limit, left=left, top=whole - down, beside=not known)
    return figure


def by_kind(pairs: pd.DataFrame) -> list[str]:
    """The findings that scores respond to most, at most `LARGEST`: by kind, treatments first, then the strongest."""
    strength = pairs["response"].abs().groupby(pairs["confounder"]).mean().dropna()
    most = strength.sort_values(ascending=False, kind="stable").head(LARGEST)
    order = list(KINDS)
    return sorted(most.index, key=lambda name: (order.index(KIND.get(name, "")), -most[name], name))


def matrix_of(pairs: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Responses by target and finding: the targets in the order of `columns`, then others, at most `LARGEST`."""
    matrix = pairs.pivot(index="target", columns="confounder", values="response").reindex(columns=list(columns))
    others = sorted(set(matrix.index) - set(columns))
    return matrix.reindex([*(name for name in columns if name in matrix.index), *others]).head(LARGEST)


def draw_matrix(axes: Axes, matrix: pd.DataFrame, pairs: pd.DataFrame, *, limit: float, named: bool) -> None:
    """Draw one classifier's responses and mark its flagged pairs; named: whether columns have names."""
    axes.imshow(matrix, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    axes.set_facecolor(LIGHT)
    axes.set_yticks(range(len(matrix)), [wrapped(name, 46, 1) for name in matrix.index], fontsize=5)
    across = [wrapped(name, 46, 1) if named else "" for name in matrix.columns]
    axes.set_xticks(range(len(across)), across, rotation=90, fontsize=5)
    axes.tick_params(length=0, pad=2)
    for names, line in ((matrix.index, axes.axhline), (matrix.columns, axes.axvline)):
        for place, _ in _groups(names)[1:]:
            line(place - 0.5, color=INK, lw=0.7)
    groups = _groups(matrix.columns)
    for place, kind in groups if len(groups) > 1 else []:
        axes.text(place - 0.4, -0.8, KINDS[kind], fontsize=5.5, color=GREY)
    row_of, column_of = ({name: at for at, name in enumerate(names)} for names in (matrix.index, matrix.columns))
    shown = pairs[pairs["flagged"].astype(bool) & pairs["target"].isin(row_of) & pairs["confounder"].isin(column_of)]
    for against, mark in ((False, FLAGGED), (True, CONTRADICTED)):
        rows = shown[shown["contradicted_by_labels"].astype(bool) == against]
        axes.scatter(rows["confounder"].map(column_of), rows["target"].map(row_of), **mark)


def draw_truth(axes: Axes, pairs: pd.DataFrame, found: Mapping[str, Any]) -> None:
    """Draw what a score truly does when B is drawn against its response; found: `cace` of the classifier's metrics."""
    both = pairs[["response", "cace"]].dropna().to_numpy()
    low, high = both.min() - 0.3, both.max() + 0.3
    axes.axline((0, 0), slope=1, color=INK, lw=0.6, zorder=1)
    for responds, (_, colour) in reversed(RESPONDS.items()):
        rows = pairs[pairs["responds"] == responds]
        axes.scatter(rows["response"], rows["cace"], s=4, color=colour, alpha=0.6, linewidths=0, zorder=2)
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.set_xlabel("response, SD", fontsize=6, labelpad=1)
    axes.set_ylabel("truth: B drawn (CaCE), SD", fontsize=6, labelpad=1)
    axes.tick_params(labelsize=5.5)
    said = [("Spearman", "spearman"), ("average precision of rises", "average_precision")]
    said += [("… of falls", "falls_average_precision")]
    lines = [f"{words} {found[name]:.2f}" for words, name in said if found.get(name) is not None]
    axes.text(0.02, 0.98, "\n".join(lines), fontsize=5.5, va="top", transform=axes.transAxes)


def draw_ranking(axes: Axes, found: Mapping[str, Any]) -> None:
    """Draw by what else pairs could be ranked: the average precision of each for true rises, the best above."""
    scores = {"response": found["average_precision"]}
    scores |= {name: rival["average_precision"] for name, rival in found["rivals"].items()}
    known = sorted(((name, score) for name, score in scores.items() if score is not None), key=lambda pair: -pair[1])
    colours = [SKY if name == "response" else LIGHT for name, _ in known]
    axes.barh(range(len(known)), [score for _, score in known], color=colours, height=0.86)
    for row, (name, score) in enumerate(known):
        axes.text(0.015, row, f"{RANKED_BY.get(name, name)}  {score:.2f}", fontsize=5.3, va="center")
    axes.set(xlim=(0, 1), ylim=(max(len(known), 1) - 0.4, -0.6), yticks=[])
    axes.set_title("average precision of rises, ranked by", fontsize=6, loc="left", pad=2)
    axes.tick_params(labelsize=5.5, length=2)
    axes.spines["left"].set_visible(False)


def _called(name: str) -> str:
    return "our head on z" if name == OURS else name


def _limit(matrices: list[pd.DataFrame]) -> float:
    """Where colours saturate: the 98th percentile of the responses, up or down, at least 0.5 SD."""
    sizes = np.abs(np.concatenate([matrix.to_numpy(dtype=np.float64).ravel() for matrix in matrices]))
    return max(0.5, float(np.nanpercentile(sizes, 98))) if np.isfinite(sizes).any() else 0.5


def _groups(names: Iterable[str]) -> list[tuple[int, str]]:
    """Where findings of another kind than those before begin."""
    kinds = [KIND.get(name, "") for name in names]
    return [(place, kind) for place, kind in enumerate(kinds) if place == 0 or kind != kinds[place - 1]]


def _place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in mm from the upper left."""
    whole = figure.get_size_inches()[1] * MILLIMETRES_PER_INCH
    return figure.add_axes((left / WIDTH, 1 - (top + height) / whole, width / WIDTH, height / whole))


def _legend(figure: Figure, limit: float, *, left: float, top: float, beside: bool) -> None:
    """Draw the colour bar, and what the marks mean beside or below it; places in mm."""
    bar = figure.colorbar(
        ScalarMappable(Normalize(-limit, limit), DIVERGING),
        cax=_place(figure, left, top, BAR, 2.0),
        orientation="horizontal",
        extend="both",
    )
    bar.ax.tick_params(labelsize=5.5, length=2)
    bar.set_label("matrix: what B alone (column) adds to the\nscore of A (row), in its SD", fontsize=6)
    bar.outline.set_visible(False)  # type: ignore[operator]
    dots: Any = {"linestyle": "none", "markersize": 3, "markeredgewidth": 0.5}
    handles = [
        Line2D(
            [],
            [],
            color="white",
            marker="D",
            markeredgecolor=INK,
            label="flagged: A rises with B alone,\nand B appears with A",
            **dots,
        ),
        Line2D(
            [],
            [],
            color=ORANGE,
            marker="D",
            markeredgecolor=INK,
            label="... though labelled together\nless often than by chance",
            **dots,
        ),
    ]
    if not beside:
        handles += [
            Line2D([], [], color=colour, label=words, marker="o", **dots) for words, colour in RESPONDS.values()
        ]
    corner = (left + BAR + 8, top - 1) if beside else (left, top + 14)
    whole = figure.get_size_inches()[1] * MILLIMETRES_PER_INCH
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(corner[0] / WIDTH, 1 - corner[1] / whole),
        borderaxespad=0,
        borderpad=0,
        fontsize=6,
    )
