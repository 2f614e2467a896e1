"""One radiograph moved further and further: what appears first, and where the decoder gives up."""

import numpy as np
from matplotlib.figure import Figure
from scipy.special import expit

from diffchest import paths
from diffchest.contracts.explained import Sweep
from diffchest.figures.explained import (
    TwinsBeside,
    alike,
    describe_move,
    describe_picture,
    describe_start,
    describe_twin,
    direction,
    doubts,
    rest_of,
)
from diffchest.figures.frame import new_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import (
    BLUE,
    WIDTH,
    NothingToDrawError,
    footnote,
    show_identified,
    show_nothing,
    show_picture,
    wrapped,
)

TARGETS = 6
LABELS = 16.0  # mm left for the names of the rows


def draw(params: FigureParams) -> Figure:
    """Draw one row per target, one column per step; the step that the other figures show is framed.

    Last, where there are any, the true twins.
    """
    sweep = Sweep.load(paths.STEP_SWEEP)
    rows, columns = sweep.step[:TARGETS].shape
    if not rows:
        raise NothingToDrawError(f"{paths.STEP_SWEEP} holds no counterfactual: explain.targets is empty")
    twins, framed, known = [], int(np.argmin(np.abs(sweep.scale - 1))), TwinsBeside(params)
    for target, pictures in zip(sweep.targets[:TARGETS], sweep.counterfactual, strict=False):
        twins.append(known.of(sweep.image_id[0], target, pictures[0], pictures[framed]))
    with_twins = any(twins)
    side = (WIDTH - LABELS) / (columns + with_twins)
    figure = new_figure(
        f"Further and further {direction(params.move)} a finding", params, height=18 + rows * (side + 9)
    )
    grid = figure.subplots(rows, columns + with_twins, squeeze=False)
    probability = expit(sweep.logit.astype(float))
    for row in range(rows):
        for column in range(columns):
            axes, step = grid[row, column], sweep.step[row, column]
            moved = f"step {step:.3g}" if column else "unmoved"
            caption = f"{moved}: {probability[row, column]:.2f}"
            picture = sweep.counterfactual[row, column]
            if column:
                show_picture(axes, picture, caption)
            else:
                show_identified(axes, picture, sweep.image_id[0], side=side, caption=caption)
            if column == framed:
                for spine in axes.spines.values():
                    spine.set(visible=True, color=BLUE, linewidth=1.5)
        if with_twins:
            twin = twins[row]
            if twin is None:
                show_nothing(grid[row, -1], "no twin")
            else:
                show_picture(grid[row, -1], twin.picture, alike(twin))
        grid[row, 0].set_ylabel(wrapped(sweep.targets[row], 16, lines=3), fontsize=6.5, weight="bold")
    if with_twins:
        grid[0, -1].set_title("true twin", fontsize=6.5)
    told = f"; {describe_twin(params.move)} with the framed step's" if with_twins else ""
    footnote(
        figure,
        f"{describe_start(params)}; framed: {describe_move(params.move, sweep.step[:, framed])}, as in the other "
        "figures; "
        f"{describe_picture(params.drawn)}; after the colon: the head's probability in the picture{told}"
        f"{doubts(sweep.targets[:rows])}{rest_of(rows, sweep.targets)}",
    )
    return figure
