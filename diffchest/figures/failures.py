"""Failures: of each finding the counterfactual that falls shortest of the change asked for."""

import numpy as np
from matplotlib.figure import Figure
from scipy.special import expit

from diffchest import paths
from diffchest.contracts.explained import Failures
from diffchest.figures.explained import (
    Twin,
    TwinsBeside,
    alike,
    describe,
    describe_twin,
    moved_from,
    rest_of,
    scores,
)
from diffchest.figures.frame import new_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import (
    WIDTH,
    NothingToDrawError,
    difference_bar,
    difference_limit,
    footnote,
    show_difference,
    show_identified,
    show_nothing,
    show_picture,
    signed_difference,
    wrapped,
)

TARGETS = 8
LABELS = 20.0  # mm left for the names of the rows


def draw(params: FigureParams) -> Figure:
    """Draw one column per target: original, counterfactual and difference, with the score asked for and reached.

    Below, where there are any, the true twins and what they change.
    """
    failures = Failures.load(paths.FAILURES)
    columns = min(TARGETS, len(failures.targets))
    if not columns:
        raise NothingToDrawError(f"{paths.FAILURES} holds no counterfactual: no radiograph had to be moved")
    change = signed_difference(failures.counterfactual, moved_from(failures, params.drawn))[:columns]
    pictures = (failures.image_id, failures.targets, failures.original, failures.counterfactual)
    known = TwinsBeside(params)
    twins = [known.of(*each) for each in zip(*(part[:columns] for part in pictures), strict=True)]
    names = ["original", "counterfactual", "difference", *(["true twin", "its difference"] if any(twins) else [])]
    limit = difference_limit(change)
    side = min((WIDTH - LABELS) / columns, 40.0)
    figure = new_figure(
        "Where the counterfactuals fail", params, height=(49 if len(names) == 3 else 55) + len(names) * side
    )
    grid = figure.subplots(len(names), columns, squeeze=False)
    before, wanted, after = (
        expit(logit.astype(float)) for logit in (failures.logit_before, failures.logit_wanted, failures.logit_after)
    )
    for column in range(columns):
        name = wrapped(failures.targets[column], int(side / 1.5), lines=4)
        grid[0, column].set_title(name, fontsize=6.5, weight="bold")
        worst = f"worst of {failures.number[column]}"
        show_identified(grid[0, column], failures.original[column], failures.image_id[column], side=side, caption=worst)
        found = f"{scores(before[column], after[column])}\n(z: {wanted[column]:.2f})"
        show_picture(grid[1, column], failures.counterfactual[column], found)
        reached = f"{failures.reached[column]:.0%} of the\nchange asked for".replace("-", "−")
        show_difference(grid[2, column], change[column], limit=limit, caption=reached)
        if len(names) > 3:
            _show_twin(grid[3:, column], twins[column], failures.original[column], limit)
    for axes, name in zip(grid[:, 0], names, strict=True):
        axes.set_ylabel(name, fontsize=7)
    difference_bar(figure, grid, limit, location="bottom", shrink=0.4, aspect=40, pad=0.02)
    cut = rest_of(columns, failures.targets)
    told = f"; {describe_twin(params.move)}" if any(twins) else ""
    footnote(
        figure, f"{describe(params, failures.step, failures.targets[:columns])}; z: of the moved z itself{told}{cut}"
    )
    return figure


def _show_twin(cells: np.ndarray, twin: Twin | None, original: np.ndarray, limit: float) -> None:
    if twin is None:
        show_nothing(cells[0], "no twin")
        show_nothing(cells[1])
        return
    show_picture(cells[0], twin.picture)
    show_difference(cells[1], signed_difference(twin.picture, original), limit=limit, caption=alike(twin))
