"""How much better a radiograph is denoised with its own z: the integrand of the information z carries."""

from matplotlib.figure import Figure

from diffchest import paths
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import pretraining_cohorts, read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import BLUE, GREY, RED

CURVES = {
    "mse_other": ("z of another radiograph", GREY, "--"),
    "mse_reference": ("no z: the best that the noised image allows the network", RED, "-"),
    "mse_own": ("its own z", BLUE, "-"),
}


def draw(params: FigureParams) -> Figure:
    """Draw the squared errors of `information.csv` against log-SNR."""
    curve = read_rows(paths.PLOTS / "information.csv", stage="evaluate_pretraining", empty="nothing was held out")
    of = pretraining_cohorts(params)
    figure = new_figure("What z adds to a noised radiograph", params, height=75, of=of)
    axes = figure.subplots()
    for column, (label, colour, line) in CURVES.items():
        axes.plot(curve["log_snr"], curve[column], color=colour, linestyle=line, label=label)
    axes.fill_between(curve["log_snr"], curve["mse_own"], curve["mse_reference"], color=BLUE, alpha=0.12, linewidth=0)
    axes.set_yscale("log")
    axes.set_xlabel("log signal-to-noise ratio of the noised radiograph (left: pure noise)")
    axes.set_ylabel("mean squared error of the denoised pixel")
    axes.legend()
    return figure
