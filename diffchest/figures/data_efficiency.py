"""Figure S2: ROC curves of heads fitted on fractions of the training patients, with radiologists as points."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from diffchest import paths
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import CYCLE, GREY, INK, NothingToDrawError, wrapped

COLUMNS = 3
MARKERS = "^sDvP*"
LABELLED = ["fraction", "draws", "auc", "readers_above", "readers_below"]


def draw(params: FigureParams) -> Figure:
    """Draw one panel per finding, and a last one with AUC against the number of training images."""
    reason = "data_efficiency.dataset is null, or no head could be fitted"
    auc = read_rows(paths.table("data_efficiency"), stage="data_efficiency", empty=reason)
    if auc["auc"].isna().all():
        raise NothingToDrawError(f"no finding is judged: {_reason(auc)}")
    roc = read_rows(paths.PLOTS / "data_efficiency_roc.csv", stage="data_efficiency", empty=reason)
    readers = pd.read_csv(paths.table("data_efficiency_readers"))
    findings = list(dict.fromkeys(auc["finding"]))
    rows = math.ceil((len(findings) + 1) / COLUMNS)
    dataset = params.efficiency_dataset
    drawn = dataset in params.phantoms
    figure = new_figure("Data efficiency", params, height=12 + 58 * rows, of=[str(dataset)])
    grid = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes, finding in zip(grid, findings, strict=False):
        of_finding, measured = roc[roc["finding"] == finding], auc[(auc["finding"] == finding) & auc["auc"].notna()]
        curves = {
            curve_label(_share(fraction, draws), *numbers): of_finding[of_finding["fraction"] == fraction]
            for fraction, draws, *numbers in measured[LABELLED].itertuples(index=False)
        }
        draw_roc(axes, curves, readers[readers["finding"] == finding], title=finding)
        if measured.empty:
            reason = wrapped(_reason(auc[auc["finding"] == finding]), 30)
            axes.text(0.5, 0.3, reason, fontsize=6, color=GREY, ha="center", va="center")
    name_readers(figure, readers, what="simulated reader" if drawn else "radiologist")
    _draw_growth(grid[len(findings)], auc.dropna(subset="auc"))
    for axes in grid[len(findings) + 1 :]:
        axes.set_axis_off()
    return figure


def draw_roc(axes: Axes, curves: Mapping[str, pd.DataFrame], readers: pd.DataFrame, *, title: str) -> None:
    """Draw ROC curves (label: fpr, tpr) and each reader's operating point (reader, fpr, tpr)."""
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.6, ls=":")
    for (label, curve), colour in zip(curves.items(), CYCLE, strict=False):
        axes.plot(curve["fpr"], curve["tpr"], color=colour, lw=1, label=label)
    for marker, (_, point) in zip(MARKERS, readers.groupby("reader"), strict=False):
        axes.scatter(point["fpr"], point["tpr"], marker=marker, color=INK, s=12, zorder=3)
    axes.set_title(title, loc="left")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xlabel("1 − specificity", labelpad=1)
    axes.set_ylabel("sensitivity", labelpad=1)
    heading = "AUC · readers above, below" if len(readers) else "AUC"
    options = {"fontsize": 5.5, "title_fontsize": 5.5, "handlelength": 1.2, "labelspacing": 0.25, "borderpad": 0.1}
    if curves:
        axes.legend(loc="lower right", title=heading, alignment="left", **options)


def name_readers(figure: Figure, readers: pd.DataFrame, *, what: str) -> None:
    """Say in the figure's last line which marker of `draw_roc` is whose."""
    handles = [
        Line2D([], [], ls="", marker=marker, color=INK, ms=3.5, label=f"{what} {reader}")
        for marker, reader in zip(MARKERS, sorted(readers["reader"].unique()), strict=False)
    ]
    if handles:
        figure.legend(handles=handles, loc="outside lower right", ncols=len(handles), handletextpad=0)


def curve_label(name: str, auc: float, above: float, below: float) -> str:
    """A legend entry: what the curve is of, its AUC, and how many readers lie above and below it (NaN: unknown)."""
    return f"{name}: {auc:.2f}" + ("" if pd.isna(above) else f" · {above:.0f}, {below:.0f}")


def _share(fraction: float, draws: int) -> str:
    """Of the training patients, and how often they were drawn."""
    return f"{100 * fraction:.3g}%" + (f" (mean of {draws})" if draws > 1 else "")


def _reason(rows: pd.DataFrame) -> str:
    """Why findings of these rows have no AUC, each reason once."""
    return "; ".join(rows["reason"].dropna().unique())


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
