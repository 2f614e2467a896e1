"""Figure 3: radiographs moved towards findings (or away from them), with maps of what changed."""

from matplotlib.figure import Figure

from diffchest.figures.explained import RE_ENCODED, describe_move, first_of, read_explained, score
from diffchest.figures.frame import new_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import (
    WIDTH,
    difference_bar,
    difference_limit,
    footnote,
    show_difference,
    show_picture,
    signed_difference,
    wrapped,
)

PATIENTS, TARGETS = 5, 4


def draw(params: FigureParams) -> Figure:
    """Draw one row per radiograph: reconstruction, then counterfactual and difference for each target."""
    explained = read_explained()
    rows, targets = min(PATIENTS, len(explained.image_id)), min(TARGETS, len(explained.targets))
    change = signed_difference(explained.counterfactual, explained.reconstruction[:, None])[:rows, :targets]
    limit = difference_limit(change)
    columns = 1 + 2 * targets
    side = min(WIDTH / columns, 40.0)
    figure = new_figure("Counterfactuals", params, height=32 + rows * (side + 3))
    grid = figure.subplots(rows, columns, squeeze=False)
    for row in range(rows):
        show_picture(grid[row, 0], explained.reconstruction[row])
        for target in range(targets):
            pair = grid[row, 1 + 2 * target : 3 + 2 * target]
            show_picture(pair[0], explained.counterfactual[row, target], score(explained, row, target))
            show_difference(pair[1], change[row, target], limit=limit)
    grid[0, 0].set_title("reconstruction", fontsize=6.5)
    for target in range(targets):
        name = wrapped(explained.targets[target], 15, lines=3)
        grid[0, 1 + 2 * target].set_title(name, fontsize=6.5, weight="bold")
        grid[0, 2 + 2 * target].set_title("difference", fontsize=6.5)
    difference_bar(figure, grid, limit, location="bottom", shrink=0.4, aspect=40, pad=0.02)
    cut = first_of(targets, len(explained.targets), "findings") + first_of(rows, len(explained.image_id), "radiographs")
    footnote(figure, f"{describe_move(params.move, explained.step)}; {RE_ENCODED}{cut}")
    return figure
