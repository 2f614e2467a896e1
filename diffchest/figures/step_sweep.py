"""One radiograph moved further and further: what appears first, and where the decoder gives up."""

from matplotlib.figure import Figure
from scipy.special import expit

from diffchest import paths
from diffchest.contracts.explained import Sweep
from diffchest.figures.explained import STEP_UNITS, direction, first_of
from diffchest.figures.frame import new_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import BLUE, WIDTH, NothingToDrawError, footnote, show_picture, wrapped

TARGETS = 6
LABELS = 16.0  # mm left for the names of the rows


def draw(params: FigureParams) -> Figure:
    """Draw one row per target, one column per step; the step that the other figures show is framed."""
    sweep = Sweep.load(paths.STEP_SWEEP)
    rows, columns = sweep.step[:TARGETS].shape
    if not rows:
        raise NothingToDrawError(f"{paths.STEP_SWEEP} holds no counterfactual: explain.targets is empty")
    side = (WIDTH - LABELS) / columns
    figure = new_figure(
        f"Further and further {direction(params.move)} a finding", params, height=18 + rows * (side + 4.5)
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    probability = expit(sweep.logit.astype(float))
    for row in range(rows):
        for column in range(columns):
            axes, step = grid[row, column], sweep.step[row, column]
            what = f"score {probability[row, column]:.2f}"
            caption = f"step {step:.3g}: {what}" if column else f"unmoved: {what}"
            show_picture(axes, sweep.counterfactual[row, column], caption)
            if sweep.scale[column] == 1:
                for spine in axes.spines.values():
                    spine.set(visible=True, color=BLUE, linewidth=1.5)
        grid[row, 0].set_ylabel(wrapped(sweep.targets[row], 16, lines=3), fontsize=6.5, weight="bold")
    footnote(
        figure,
        f"steps in {STEP_UNITS[params.move.edit]}; score: the head's probability in the picture, encoded again; "
        f"framed: the step of the other figures{first_of(rows, len(sweep.targets), 'findings')}",
    )
    return figure
