"""Failures: of each finding the counterfactual that falls shortest of the change asked for."""

from matplotlib.figure import Figure
from scipy.special import expit

from diffchest import paths
from diffchest.contracts.explained import Failures
from diffchest.figures.explained import RE_ENCODED, describe_move, first_of, scores
from diffchest.figures.frame import new_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import (
    WIDTH,
    NothingToDrawError,
    difference_bar,
    difference_limit,
    footnote,
    show_difference,
    show_picture,
    signed_difference,
    wrapped,
)

TARGETS = 8
LABELS = 20.0  # mm left for the names of the rows


def draw(params: FigureParams) -> Figure:
    """Draw one column per target: original, counterfactual and difference, with the score asked for and reached."""
    failures = Failures.load(paths.FAILURES)
    columns = min(TARGETS, len(failures.targets))
    if not columns:
        raise NothingToDrawError(f"{paths.FAILURES} holds no counterfactual: no radiograph had to be moved")
    change = signed_difference(failures.counterfactual, failures.reconstruction)[:columns]
    limit = difference_limit(change)
    side = min((WIDTH - LABELS) / columns, 40.0)
    figure = new_figure("Where the counterfactuals fail", params, height=44 + 3 * side)
    grid = figure.subplots(3, columns, squeeze=False)
    before, wanted, after = (
        expit(logit.astype(float)) for logit in (failures.logit_before, failures.logit_wanted, failures.logit_after)
    )
    for column in range(columns):
        name = wrapped(failures.targets[column], int(side / 1.5), lines=4)
        grid[0, column].set_title(name, fontsize=6.5, weight="bold")
        show_picture(grid[0, column], failures.original[column], f"worst of {failures.number[column]}")
        found = f"{scores(before[column], after[column])}\n(z: {wanted[column]:.2f})"
        show_picture(grid[1, column], failures.counterfactual[column], found)
        reached = f"{failures.reached[column]:.0%} of the\nchange asked for".replace("-", "−")
        show_difference(grid[2, column], change[column], limit=limit, caption=reached)
    for axes, name in zip(grid[:, 0], ("original", "counterfactual", "difference"), strict=True):
        axes.set_ylabel(name, fontsize=7)
    difference_bar(figure, grid, limit, location="bottom", shrink=0.4, aspect=40, pad=0.02)
    cut = first_of(columns, len(failures.targets), "findings")
    footnote(figure, f"{describe_move(params.move, failures.step)}; {RE_ENCODED} (z: of the moved z itself){cut}")
    return figure
