"""Figure S5: one radiograph moved towards every evaluated finding."""

import math

from matplotlib.figure import Figure

from diffchest import paths
from diffchest.figures.explained import describe, direction, moved_from, read_explained, score
from diffchest.figures.frame import new_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import (
    WIDTH,
    difference_bar,
    difference_limit,
    footnote,
    show_code,
    show_difference,
    show_identified,
    show_picture,
    signed_difference,
    wrapped,
)

MOST_COLUMNS, FEWEST_COLUMNS, ROWS = 12, 5, 5


def draw(params: FigureParams) -> Figure:
    """Draw the first radiograph, its reconstruction and counterfactuals, each with the difference map below it."""
    explained = read_explained(paths.EVERY_FINDING)
    change = signed_difference(explained.counterfactual[0], moved_from(explained, params.drawn)[0][None])
    limit = difference_limit(change)
    cells = len(explained.targets) + 2
    columns = min(MOST_COLUMNS, max(FEWEST_COLUMNS, math.ceil(cells / ROWS)))
    rows = math.ceil(cells / columns)
    side = min(WIDTH / columns, 36.0)
    finding = "drawn finding" if params.on_phantoms else "finding"
    title = f"One radiograph moved {direction(params.move)} every {finding}"
    letters = int(side / 1.3)  # that fit below a picture
    figure = new_figure(title, params, height=28 + rows * (2 * side + 14))
    grid = figure.subplots(2 * rows, columns, squeeze=False)
    show_identified(grid[0, 0], explained.original[0], explained.image_id[0], side=side, caption="original")
    show_picture(grid[0, 1], explained.reconstruction[0], "reconstruction")
    error = signed_difference(explained.reconstruction[0], explained.original[0])
    show_difference(grid[1, 1], error, limit=limit, caption="less original")
    show_code(grid[1, 0], explained.x_T[0], "$x_T$")
    for target, name in enumerate(explained.targets):
        row, column = divmod(target + 2, columns)
        caption = f"{wrapped(name, letters, lines=3)}\n{score(explained, 0, target)}"
        show_picture(grid[2 * row, column], explained.counterfactual[0, target], caption)
        show_difference(grid[2 * row + 1, column], change[target], limit=limit)
    for empty in range(cells, rows * columns):
        row, column = divmod(empty, columns)
        grid[2 * row, column].set_axis_off()
        grid[2 * row + 1, column].set_axis_off()
    difference_bar(figure, grid, limit, location="bottom", shrink=0.4, aspect=40, pad=0.02)
    footnote(figure, describe(params, explained.step, explained.targets))
    return figure
