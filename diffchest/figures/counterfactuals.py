"""Figure 3: radiographs moved towards findings (or away from them), with maps of what changed and the true twins."""

from matplotlib.figure import Figure

from diffchest.figures.explained import (
    TwinsBeside,
    alike,
    describe,
    describe_twin,
    first_of,
    moved_from,
    read_explained,
    rest_of,
    score,
    start_name,
)
from diffchest.figures.frame import new_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import (
    WIDTH,
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

PATIENTS, TARGETS = 5, 4
WITH_TWINS = 3  # radiographs, each with a row of twins below it
LABELS = 6.0  # mm left for the names of the rows


def draw(params: FigureParams) -> Figure:
    """Draw one row per radiograph: what is changed, then counterfactual and difference for each target.

    Below it, where there are any, its twins and what they change in the radiograph.
    """
    explained, twins = read_explained(), TwinsBeside(params)
    targets = min(TARGETS, len(explained.targets))
    beside = [
        [twins.of(image_id, explained.targets[target], original, pictures[target]) for target in range(targets)]
        for image_id, original, pictures in zip(
            explained.image_id, explained.original, explained.counterfactual, strict=True
        )
    ]
    each = 2 if any(twin for found in beside for twin in found) else 1  # rows of a radiograph
    patients = min(PATIENTS if each == 1 else WITH_TWINS, len(explained.image_id))
    before = moved_from(explained, params.drawn)
    change = signed_difference(explained.counterfactual, before[:, None])[:patients, :targets]
    limit = difference_limit(change)
    columns = 1 + 2 * targets
    side = min((WIDTH - LABELS) / columns, 40.0)
    figure = new_figure("Counterfactuals", params, height=32 + patients * (each * (side + 3) + 4))
    grid = figure.subplots(each * patients, columns, squeeze=False)
    for row in range(patients):
        cells = grid[each * row]
        show_identified(cells[0], before[row], explained.image_id[row], side=side)
        for target in range(targets):
            show_picture(cells[1 + 2 * target], explained.counterfactual[row, target], score(explained, row, target))
            show_difference(cells[2 + 2 * target], change[row, target], limit=limit)
        if each == 1:
            continue
        cells[1].set_ylabel("counterfactual", fontsize=6.5)
        cells = grid[each * row + 1]
        show_nothing(cells[0])
        cells[1].set_ylabel("true twin", fontsize=6.5)
        for target, twin in enumerate(beside[row]):
            pair = cells[1 + 2 * target : 3 + 2 * target]
            if twin is None:
                show_nothing(pair[0], "no twin")
                show_nothing(pair[1])
                continue
            show_picture(pair[0], twin.picture)
            of_twin = signed_difference(twin.picture, explained.original[row])
            show_difference(pair[1], of_twin, limit=limit, caption=alike(twin))
    grid[0, 0].set_title(start_name(params.drawn), fontsize=6.5)
    for target in range(targets):
        name = wrapped(explained.targets[target], 15, lines=3)
        grid[0, 1 + 2 * target].set_title(name, fontsize=6.5, weight="bold")
        grid[0, 2 + 2 * target].set_title("difference", fontsize=6.5)
    difference_bar(figure, grid, limit, location="bottom", shrink=0.4, aspect=40, pad=0.02)
    cut = rest_of(targets, explained.targets)
    cut += first_of(patients, len(explained.image_id), "radiographs")
    told = f"; {describe_twin(params.move)}" if each == 2 else ""
    footnote(figure, f"{describe(params, explained.step, explained.targets[:targets])}{told}{cut}")
    return figure
