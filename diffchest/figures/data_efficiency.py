"""Figure S2: ROC curves of heads fitted on fractions of the training patients, with radiologists as points."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.figures.inputs import read_rows
from diffchest.figures.style import CYCLE, GREY, INK, new_figure
from diffchest.params import Params

COLUMNS = 3
MARKERS = "^sDvP*"


def draw(params: Params) -> Figure:
    """Draw one panel per finding, and a last one with AUC against the number of training images."""
    reason = "data_efficiency.dataset is null, or no head could be fitted"
    auc = read_rows(paths.table("data_efficiency"), stage="data_efficiency", empty=reason)
    roc = read_rows(paths.PLOTS / "data_efficiency_roc.csv", stage="data_efficiency", empty=reason)
    readers = pd.read_csv(paths.table("data_efficiency_readers"))
    findings = list(dict.fromkeys(auc["finding"]))
    rows = math.ceil((len(findings) + 1) / COLUMNS)
    dataset = params.data_efficiency.dataset
    whose = f"phantom radiographs ({dataset})" if dataset in params.phantom.datasets else dataset
    figure = new_figure("Data efficiency", params, height=12 + 58 * rows)
    figure.suptitle(f"Data efficiency · {whose}", x=0.012, ha="left")
    grid = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes, finding in zip(grid, findings, strict=False):
        _draw_roc(axes, *(table[table["finding"] == finding] for table in (auc, roc, readers)), title=finding)
    _draw_growth(grid[len(findings)], auc)
    for axes in grid[len(findings) + 1 :]:
        axes.set_axis_off()
    return figure


def _draw_roc(axes: Axes, auc: pd.DataFrame, roc: pd.DataFrame, readers: pd.DataFrame, *, title: str) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.6, ls=":")
    for (fraction, curve), colour in zip(roc.groupby("fraction", sort=False), CYCLE, strict=False):
        value = auc.loc[auc["fraction"] == fraction, "auc"]
        area = f", AUC {value.iloc[0]:.2f}" if len(value) else ""
        axes.plot(curve["fpr"], curve["tpr"], color=colour, lw=1, label=f"{fraction:.0%}{area}")
    for marker, (reader, point) in zip(MARKERS, readers.groupby("reader"), strict=False):
        axes.scatter(point["fpr"], point["tpr"], marker=marker, color=INK, s=12, zorder=3, label=f"reader {reader}")
    axes.set_title(title, loc="left")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xlabel("1 − specificity", labelpad=1)
    axes.set_ylabel("sensitivity", labelpad=1)
    axes.legend(loc="lower right", fontsize=5.5, handlelength=1.2, labelspacing=0.25, borderpad=0.1)


def _draw_growth(axes: Axes, auc: pd.DataFrame) -> None:
    for shift, ((finding, rows), colour) in enumerate(zip(auc.groupby("finding", sort=False), CYCLE, strict=False)):
        rows = rows.sort_values("images")
        error = [rows["auc"] - rows["low"], rows["high"] - rows["auc"]]
        style = {"color": colour, "marker": "o", "ms": 3, "lw": 1, "elinewidth": 0.6}
        axes.errorbar(rows["images"] * 1.04**shift, rows["auc"], error, label=finding, **style)
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(sizes := sorted(auc["images"].unique()), [f"{size:,}" for size in sizes])
    axes.set_title("AUC against training images", loc="left")
    axes.set_xlabel("training images", labelpad=1)
    axes.set_ylabel("AUC", labelpad=1)
    low, high = axes.get_ylim()
    axes.set_ylim(1.5 * low - 0.5 * high, high)  # room for the legend
    axes.legend(loc="lower right", fontsize=5.5, labelspacing=0.25)
