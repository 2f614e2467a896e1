"""The wall: counterfactuals beside their true twins, an ordinary case of each finding."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.contracts.explained import Explained
from diffchest.figures.explained import (
    Twin,
    TwinsBeside,
    alike,
    describe_picture,
    describe_start,
    describe_twin,
    direction,
    moved_from,
    rest_of,
)
from diffchest.figures.frame import new_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import (
    WIDTH,
    NothingToDrawError,
    difference_bar,
    footnote,
    show_difference,
    show_identified,
    show_picture,
    signed_difference,
    wrapped,
)

FINDINGS, SIDE_BY_SIDE = 14, 2
LIMIT = 20.0  # % of the gray range at which differences saturate
NAMES = ("original", "counterfactual", "true twin", "difference", "the twin's")
LABELS = 12.0  # mm left of each block


def draw(params: FigureParams) -> Figure:
    """Draw, for each finding, the radiograph with the median cosine of counterfactual and twin."""
    twins, cases = TwinsBeside(params), []
    for explained in Explained.load_all(paths.MEASURED):
        cases += [case for target in explained.targets if (case := ordinary(explained, target, twins, params))]
    if not cases:
        raise NothingToDrawError("there are no true twins: the radiographs are not drawn")
    named, cases = [case.target for case in cases], cases[:FINDINGS]
    rows = -(-len(cases) // SIDE_BY_SIDE)
    side = (WIDTH - SIDE_BY_SIDE * LABELS) / (SIDE_BY_SIDE * len(NAMES))
    figure = new_figure("Counterfactuals and true twins", params, height=28 + rows * (side + 7))
    grid = figure.subplots(rows, SIDE_BY_SIDE * len(NAMES), squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, case in enumerate(cases):
        block, row = divmod(number, rows)
        panels = grid[row, block * len(NAMES) : (block + 1) * len(NAMES)]
        for axes in panels:
            axes.set_axis_on()
        show_identified(panels[0], case.original, case.image_id, side=side)
        for axes, picture in zip(panels[1:], (case.picture, case.twin.picture), strict=False):
            show_picture(axes, picture)
        for axes, picture in zip(panels[3:], (case.picture, case.twin.picture), strict=True):
            show_difference(axes, signed_difference(picture, case.original), limit=LIMIT)
        panels[3].set_xlabel(alike(case.twin), fontsize=6)
        panels[0].set_ylabel(wrapped(case.target, 13, lines=3), fontsize=5.2, weight="bold")
        if not row:
            for axes, name in zip(panels, NAMES, strict=True):
                axes.set_title(name, fontsize=6.5)
    difference_bar(figure, grid, LIMIT, location="bottom", shrink=0.4, aspect=40, pad=0.02)
    footnote(
        figure,
        f"{describe_start(params)}; z moved {direction(params.move)} the finding ({params.move.edit}); "
        f"{describe_picture(params.drawn)}; of the measured radiographs that with the median cosine; "
        f"{describe_twin(params.move)}{rest_of(len(cases), named)}",
    )
    return figure


@dataclass(frozen=True, eq=False)
class Case:
    """A counterfactual and its twin; pictures uint8 [H, W]."""

    target: str
    image_id: str
    original: np.ndarray
    picture: np.ndarray
    twin: Twin


def ordinary(explained: Explained, target: str, twins: TwinsBeside, params: FigureParams) -> Case | None:
    """The case with the median cosine of counterfactual and twin; None without twins."""
    column, start = explained.targets.index(target), moved_from(explained, params.drawn)
    cases = [
        Case(target, image_id, start[row], explained.counterfactual[row, column], twin)
        for row, image_id in enumerate(explained.image_id)
        if (twin := twins.of(image_id, target, explained.original[row], explained.counterfactual[row, column]))
    ]
    ordered = sorted(cases, key=lambda case: case.twin.cosine)
    return ordered[(len(ordered) - 1) // 2] if ordered else None
