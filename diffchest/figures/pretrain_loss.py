"""The loss of pretraining against the images shown, in all and by timestep."""

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import pretraining_cohorts, read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import BLUE, RED

PREFIX = "validation_loss_t"


def draw(params: FigureParams) -> Figure:
    """Draw training and validation loss from `pretrain_loss.csv`."""
    loss = read_rows(paths.PLOTS / "pretrain_loss.csv", stage="pretrain", empty="pretraining logged nothing")
    figure = new_figure("Pretraining loss", params, height=75, of=pretraining_cohorts(params))
    axes, by_timestep = figure.subplots(1, 2)
    for column, colour, label in (("train_loss", BLUE, "training"), ("validation_loss", RED, "held-out patients")):
        values = loss[["images", column]].dropna()
        marker = "o" if len(values) < 30 else ""
        axes.plot(values["images"], values[column], color=colour, label=label, marker=marker, markersize=3)
    axes.set_xlabel("images shown")
    axes.set_ylabel(f"mean squared error of the {params.prediction} prediction")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend()
    _draw_by_timestep(by_timestep, loss)
    return figure


def _draw_by_timestep(axes: Axes, loss: pd.DataFrame) -> None:
    """A curve for each tenth of the timesteps, from little noise (light) to pure noise (dark)."""
    columns = [column for column in loss if str(column).startswith(PREFIX)]
    for number, column in enumerate(columns):
        values = loss[["images", column]].dropna()
        first, last = str(column).removeprefix(PREFIX).split("_")
        label = f"t = {first} to {last}" if number in (0, len(columns) - 1) else None
        colour = colormaps["viridis_r"](number / max(len(columns) - 1, 1))
        axes.plot(values["images"], values[column], color=colour, linewidth=0.9, label=label)
    axes.set_title("held-out patients, by timestep", fontsize=7)
    axes.set_yscale("log")
    axes.set_xlabel("images shown")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    if columns:
        axes.legend()
