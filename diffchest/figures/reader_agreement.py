"""Extended data figures 4 and 5: agreement of pairs of readers, and Fleiss' kappa per diagnosis."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.figures.inputs import read_rows
from diffchest.figures.style import GREY, KIND_COLOUR, LIGHT, new_figure, wrapped
from diffchest.params import Params

TABLES = {"treatment": paths.table("reader_table_1"), "physiology": paths.table("reader_table_2")}


def draw(params: Params) -> Figure:
    """Draw one row per kind of confounder: the matrix of pairwise agreement, and kappa with its interval."""
    reason = "there are no ratings; fill in reader_template.csv and give it as reader_study.ratings"
    pairwise = read_rows(paths.table("reader_pairwise"), stage="reader_study", empty=reason)
    kinds = [kind for kind in TABLES if (pairwise["kind"] == kind).any()]
    tables = [_read_kappa(TABLES[kind]) for kind in kinds]
    heights = [max(36.0, 16 + 4.6 * len(table)) for table in tables]
    figure = new_figure("Agreement of the readers", params, height=14 + sum(heights))
    if params.on_phantoms and params.reader_study.ratings is None:
        figure.suptitle("Agreement of simulated readers · phantom radiographs", x=0.012, ha="left")
    grid = figure.subplots(len(kinds), 2, squeeze=False, width_ratios=[1, 2.4], height_ratios=heights)
    for (matrix, kappa), kind, table in zip(grid, kinds, tables, strict=True):
        _draw_pairs(matrix, pairwise[pairwise["kind"] == kind], kind)
        _draw_kappa(kappa, table, kind)
    handles, labels = grid[0, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=2)
    return figure


def _read_kappa(path: Path) -> pd.DataFrame:
    return pd.read_csv(path).sort_values(["ratio_percent", "diagnosis"], ascending=[False, True])


def _draw_pairs(axes: Axes, pairs: pd.DataFrame, kind: str) -> None:
    readers = sorted({*pairs["reader_a"].astype(str), *pairs["reader_b"].astype(str)})
    fraction = np.full((len(readers), len(readers)), np.nan)
    for a, b, agree, total in pairs[["reader_a", "reader_b", "agree", "total"]].itertuples(index=False):
        for row, column in ((str(a), str(b)), (str(b), str(a))):
            x, y = readers.index(column), readers.index(row)
            fraction[y, x] = agree / total if total else np.nan
            colour = "white" if fraction[y, x] > 0.75 else "black"
            text = f"{fraction[y, x]:.1%}\n{agree}/{total}"
            axes.text(x, y, text, ha="center", va="center", fontsize=4.6, color=colour)
    axes.imshow(fraction, cmap="Blues", vmin=0.4, vmax=1.0)
    axes.set_facecolor("#F2F2F2")
    axes.set_xticks(range(len(readers)), [wrapped(name, 12, 1) for name in readers], rotation=45, ha="right")
    axes.set_yticks(range(len(readers)), [wrapped(name, 12, 1) for name in readers])
    axes.tick_params(length=0)
    axes.set_title("pairs of readers", loc="left")


def _draw_kappa(axes: Axes, table: pd.DataFrame, kind: str) -> None:
    position = np.arange(len(table))
    axes.hlines(position, table["kappa_low"], table["kappa_high"], color=KIND_COLOUR[kind], lw=1.2)
    axes.scatter(table["fleiss_kappa"], position, color=KIND_COLOUR[kind], s=14, zorder=3, label="Fleiss' kappa")
    axes.scatter(table["agreement"], position, marker="|", color=GREY, s=28, zorder=2, label="raw agreement")
    names = [f"{wrapped(name, 44, 1)} ({ratio:.0f} %)" for name, ratio in table[["diagnosis", "ratio_percent"]].values]
    axes.set_yticks(position, names)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlim(right=1.03)
    axes.axvline(0, color=LIGHT, lw=0.8)
    axes.grid(axis="x", color=LIGHT, lw=0.4)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"{kind} (in brackets: confounder present)", loc="left")
