"""The loss of pretraining against the images shown."""

from matplotlib.figure import Figure

from diffchest import paths
from diffchest.figures.inputs import read_rows
from diffchest.figures.style import BLUE, RED, new_figure
from diffchest.params import Params


def draw(params: Params) -> Figure:
    """Draw training and validation loss from `pretrain_loss.csv`."""
    loss = read_rows(paths.PLOTS / "pretrain_loss.csv", stage="pretrain", empty="pretraining logged nothing")
    figure = new_figure("Pretraining loss", params, height=75)
    axes = figure.subplots()
    for column, colour, label in (("train_loss", BLUE, "training"), ("validation_loss", RED, "held-out patients")):
        values = loss[["images", column]].dropna()
        marker = "o" if len(values) < 30 else ""
        axes.plot(values["images"], values[column], color=colour, label=label, marker=marker, markersize=3)
    axes.set_xlabel("images shown")
    axes.set_ylabel(f"mean squared error of the {params.diffusion.prediction} prediction")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend()
    return figure
