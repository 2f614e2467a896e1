"""Extended data figures 4 and 5: agreement of pairs of readers, and Fleiss' kappa per diagnosis."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from diffchest import paths
from diffchest.contracts.reader_tables import SIMULATED
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import GREY, INK, KIND_COLOUR, LIGHT, wrapped

TABLES = {"treatment": paths.table("reader_table_1"), "physiology": paths.table("reader_table_2")}
MATRIX = 46.0  # mm
ROW = 4.6  # mm per diagnosis, two lines of its name
FEW = 6  # readers whose counts still fit in the cells


def draw(params: FigureParams) -> Figure:
    """Draw one column per kind of confounder: the matrix of pairwise agreement, and kappa with its interval below."""
    reason = "there are no ratings; ratings/README.md says how to give them"
    pairwise = read_rows(paths.table("reader_pairwise"), stage="reader_study", empty=reason)
    kinds = [kind for kind in TABLES if (pairwise["kind"] == kind).any()]
    tables = [_read_kappa(TABLES[kind]) for kind in kinds]
    most = max(len(table) for table in tables)
    below = max(30.0, 8 + ROW * most)
    figure = new_figure("Agreement of the readers", params, height=16 + MATRIX + below)
    if pairwise["reader_a"].astype(str).str.startswith(SIMULATED).any():
        figure.suptitle("Agreement of simulated readers · phantom radiographs", x=0.012, ha="left")
    grid = figure.subplots(2, len(kinds), squeeze=False, height_ratios=[MATRIX, below])
    for (matrix, kappa), kind, table in zip(grid.T, kinds, tables, strict=True):
        _draw_pairs(matrix, pairwise[pairwise["kind"] == kind], kind)
        _draw_kappa(kappa, table, kind, rows=most)
    handles = [
        Line2D([], [], ls="", marker="o", color=INK, ms=3.5, label="Fleiss' kappa with interval"),
        Line2D([], [], ls="", marker="|", color=GREY, ms=6, label="raw agreement"),
    ]
    figure.legend(handles=handles, loc="outside lower right", ncols=2)
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
            text = f"{fraction[y, x]:.1%}\n{agree}/{total}" if len(readers) <= FEW else f"{fraction[y, x]:.0%}"
            size = 6 if len(readers) <= FEW / 2 else 4.6
            axes.text(x, y, text, ha="center", va="center", fontsize=size, color=colour)
    axes.imshow(fraction, cmap="Blues", vmin=0.4, vmax=1.0)
    axes.set_facecolor("#F2F2F2")
    axes.set_xticks(range(len(readers)), [wrapped(name, 12, 1) for name in readers], rotation=45, ha="right")
    axes.set_yticks(range(len(readers)), [wrapped(name, 12, 1) for name in readers])
    axes.tick_params(length=0)
    axes.set_title(f"{kind}: pairs of readers", loc="left")


def _draw_kappa(axes: Axes, table: pd.DataFrame, kind: str, *, rows: int) -> None:
    """Draw a table's kappa in the upper part of axes that have room for `rows` rows."""
    position = np.arange(len(table))
    axes.hlines(position, table["kappa_low"], table["kappa_high"], color=KIND_COLOUR[kind], lw=1.2)
    axes.scatter(table["fleiss_kappa"], position, color=KIND_COLOUR[kind], s=14, zorder=3)
    axes.scatter(table["agreement"], position, marker="|", color=GREY, s=28, zorder=2)
    names = [f"{name} ({ratio:.0f}\u00a0%)" for name, ratio in table[["diagnosis", "ratio_percent"]].values]
    axes.set_yticks(position, [wrapped(name, 38, 2) for name in names], fontsize=5.8, linespacing=1.05)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xlim(right=1.03)
    axes.xaxis.tick_top()  # next to the rows, however few they are
    axes.tick_params(axis="both", length=0, pad=2)
    ends = (-0.6, len(table) - 0.4)
    axes.set_xticks(ticks := [tick for tick in np.linspace(-1, 1, 9) if tick >= axes.get_xlim()[0]])
    axes.vlines(ticks, *ends, color=LIGHT, lw=0.4, zorder=0)
    axes.vlines(0, *ends, color=LIGHT, lw=0.9, zorder=0)
    axes.spines["left"].set_bounds(*ends)
    axes.spines["bottom"].set_visible(False)
    axes.set_title(f"{kind}: kappa by diagnosis (in brackets: rated present)", loc="right", pad=4)
