"""Figures 1 and S1: how many images and patients are left after each step, one column per dataset."""

import itertools
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from diffchest import paths
from diffchest.contracts.study_flow import EXCLUDED, ROLES
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import BLUE, GREY, INK, WIDTH, wrapped

ROW, GAP = 12.5, 3.5  # mm
TITLE, DATASET = 8.0, 7.0
SPINE = 0.06  # where the vertical line runs, as a fraction of a column
CHARACTER = 1.1  # mm of a character at the size of the steps
ONE_LINE = 38.0  # mm that both counts need side by side


@dataclass(frozen=True)
class Level:
    """Boxes that stand side by side: one step, a branching, roles, or one exclusion."""

    steps: list[tuple[str, int, int]]
    excluded: bool
    roles: bool


def draw(params: FigureParams) -> Figure:
    """Draw the flow chart of every dataset from `study_flow.csv` and `decoding_flow.csv`."""
    flow = read_rows(paths.table("study_flow"), stage="split", empty="no cohort takes part")
    decoding = read_rows(paths.table("decoding_flow"), stage="build_lmdb", empty="no image is stored")
    columns = {str(name): levels(rows) for name, rows in with_decoding(flow, decoding).groupby("dataset", sort=False)}
    most = max(len(column) for column in columns.values())
    height = TITLE + DATASET + most * (ROW + GAP)
    figure = new_figure("Study flow", params, height=height, of=list(columns))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1 - TITLE / height), xlim=(0, WIDTH), ylim=(height - TITLE, 0))
    axes.set_axis_off()
    width = min(WIDTH / len(columns), 90.0)
    for number, (dataset, column) in enumerate(columns.items()):
        left = number * width + 2
        drawn = " (phantoms)" if dataset in params.phantoms else ""
        axes.text(left, DATASET / 2, dataset + drawn, fontsize=8, weight="bold", va="center", color=BLUE)
        _draw_column(axes, column, left=left, width=width - 4, most=most)
    return figure


def with_decoding(flow: pd.DataFrame, decoding: pd.DataFrame) -> pd.DataFrame:
    """Return the flow, followed by what decoding dropped and left in the datasets where it dropped any image."""
    dropped = decoding.loc[decoding["step"].str.startswith(EXCLUDED) & (decoding["images"] > 0), "dataset"]
    return pd.concat([flow, decoding[decoding["dataset"].isin(dropped)]])


def levels(rows: pd.DataFrame) -> list[Level]:
    """Group one dataset's steps: consecutive roles, and consecutive steps of the intake, stand side by side."""
    grouped: list[Level] = []
    for step, images, patients in rows[["step", "images", "patients"]].itertuples(index=False):
        excluded = step.startswith(EXCLUDED)
        role = step.removesuffix(", listed") in ROLES
        entry = (step.removeprefix(EXCLUDED), int(images), int(patients))
        last = grouped[-1] if grouped else None
        if last and not excluded and not last.excluded and last.roles == role:
            last.steps.append(entry)
        else:
            grouped.append(Level([entry], excluded, role))
    return grouped


def _draw_column(axes: Axes, column: list[Level], *, left: float, width: float, most: int) -> None:
    """Boxes from the top; the last three levels (roles, exclusion, roles) stand at the bottom in every column."""
    slots = [*range(len(column) - 3), *range(most - min(3, len(column)), most)][-len(column) :]
    top = [DATASET + slot * (ROW + GAP) for slot in slots]
    spine = left + SPINE * width
    kept = [y for y, level in zip(top, column, strict=True) if not level.excluded]
    for above, below in itertools.pairwise(kept):
        arrow = {"arrowstyle": "-|>", "color": GREY, "lw": 0.8, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7}
        axes.annotate("", (spine, below), (spine, above + ROW), arrowprops=arrow)
    for y, level in zip(top, column, strict=True):
        if level.excluded:
            start = left + 0.16 * width
            axes.plot([spine, start], [y + ROW / 2] * 2, color=GREY, lw=0.8)
            _draw_box(axes, level.steps[0], start, y, left + width - start, excluded=True)
            continue
        share = width / len(level.steps)
        for number, step in enumerate(level.steps):
            gap = 1.0 if number < len(level.steps) - 1 else 0.0
            _draw_box(axes, step, left + number * share, y, share - gap, excluded=False)


def _draw_box(axes: Axes, step: tuple[str, int, int], left: float, top: float, width: float, *, excluded: bool) -> None:
    name, images, patients = step
    box = FancyBboxPatch(
        (left, top),
        width,
        ROW,
        boxstyle="round,pad=0,rounding_size=0.8",
        facecolor="white" if excluded else "#EAF2F8",
        edgecolor=GREY if excluded else BLUE,
        linestyle="--" if excluded else "-",
        linewidth=0.7,
    )
    axes.add_patch(box)
    text = wrapped(f"excluded: {name}" if excluded else name, int((width - 1.5) / CHARACTER), lines=3)
    separator = ", " if width >= ONE_LINE else "\n"
    counts = f"{images:,} images{separator}{patients:,} patients"
    colour = GREY if excluded else INK
    axes.text(left + 1, top + 1, text, fontsize=5.2, va="top", color=colour, linespacing=1.05)
    style: Any = {"color": colour, "linespacing": 1.05, "weight": "normal" if excluded else "bold"}
    axes.text(left + 1, top + ROW - 1, counts, fontsize=5.2 if width > 20 else 4.8, va="bottom", **style)
