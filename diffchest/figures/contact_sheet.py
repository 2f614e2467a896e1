"""What was decoded, by cohort: squares drawn at random, the darkest, brightest and flattest, and their gray levels."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from diffchest import paths
from diffchest.contracts.decoded import BIN, COLUMNS, KINDS, PERCENTILES, read_sheet
from diffchest.contracts.image_store import ImageStore
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import BLUE, GREY, INK, LIGHT, RED, WIDTH, NothingToDrawError

TITLE, DATASET, BOTTOM = 9.0, 6.0, 8.0  # mm
SQUARE, MARK = 10.6, 9.0  # mm: side of a square, room for the name of its row
LARGEST = 128  # px that a square is drawn with at most
GAP = 0.05  # between squares, of their side


def draw(params: FigureParams) -> Figure:
    """Draw a block per cohort from the sheet that `build_lmdb` chose, `intensities.csv` and `decoded.csv`."""
    counts = read_rows(paths.table("decoded"), stage="build_lmdb", empty="no image is stored")
    histograms = read_rows(paths.table("intensities"), stage="build_lmdb", empty="no image is stored")
    sheet = read_sheet()
    sheet = sheet[sheet["dataset"].isin(counts["dataset"])]
    if sheet.empty:
        raise NothingToDrawError("no square was chosen to be shown")
    store = ImageStore(paths.IMAGES)
    blocks = {str(name): mosaic(rows, store) for name, rows in sheet.groupby("dataset", sort=False)}
    heights = [DATASET + SQUARE * sum(lines.values()) + BOTTOM for _, lines in blocks.values()]
    figure = new_figure("What was decoded", params, height=TITLE + sum(heights), of=list(blocks))
    figure.set_layout_engine("none")
    top, total = TITLE, TITLE + sum(heights)
    for (name, (picture, lines)), height in zip(blocks.items(), heights, strict=True):
        drawn = " (phantoms)" if name in params.phantoms else ""
        figure.text(0.012, 1 - (top + DATASET / 2) / total, name + drawn, fontsize=8, weight="bold", color=BLUE)
        bottom, tall = 1 - (top + height - BOTTOM) / total, (height - DATASET - BOTTOM) / total
        left, wide = (MARK / WIDTH, COLUMNS * SQUARE / WIDTH)
        _draw_squares(figure.add_axes((left, bottom, wide, tall)), picture, lines)
        place = (left + wide + 0.075, bottom + 0.42 * tall, 0.985 - left - wide - 0.075, 0.56 * tall)
        _draw_histogram(figure.add_axes(place), histograms[histograms["dataset"] == name])
        where = (left + wide + 0.03, bottom)
        figure.text(
            *where, told(counts[counts["dataset"] == name].iloc[0]), fontsize=6, va="bottom", color=INK, linespacing=1.3
        )
        top += height
    return figure


def mosaic(rows: pd.DataFrame, store: ImageStore) -> tuple[np.ndarray, dict[str, int]]:
    """The squares of one cohort in one picture [H, W], white between them, and the lines that each kind takes."""
    side = min(store.size, LARGEST)
    step = side + max(1, round(GAP * side))
    chosen = {kind: rows.loc[rows["kind"] == kind, "image_id"].tolist() for kind in KINDS}
    lines = {kind: math.ceil(len(ids) / COLUMNS) for kind, ids in chosen.items()}
    picture = np.full((sum(lines.values()) * step, COLUMNS * step), 255, dtype=np.uint8)
    line = 0
    for kind, ids in chosen.items():
        for number, square in enumerate(store.read(ids)):
            top, left = (line + number // COLUMNS) * step, number % COLUMNS * step
            picture[top : top + side, left : left + side] = np.asarray(Image.fromarray(square).resize((side, side)))
        line += lines[kind]
    return picture, lines


def told(counts: pd.Series) -> str:
    """What `decoded.csv` says of one cohort."""
    images = int(counts["images"])
    unknown = ", ".join(f"{name} {int(counts[f'{name}_unknown']):,}" for name in ("age", "sex", "view"))
    odd = [int(counts[name]) for name in ("few_gray_levels", "nearly_black", "nearly_white")]
    equal = [int(counts[f"equal_{kind}"]) for kind in ("of_one_patient", "across_patients", "across_roles")]
    return (
        f"{images:,} images; median of the mean gray {counts['mean_gray']:.0f},\n"
        f"of the gray levels {counts['gray_levels']:.0f} (fewest {int(counts['fewest_gray_levels'])})\n"
        f"of one gray, rejected: {int(counts['constant_rejected']):,}; stored: few gray\n"
        f"levels {odd[0]:,}, nearly black {odd[1]:,}, nearly white {odd[2]:,}\n"
        f"not known: {unknown}\n"
        f"equal pixels: {equal[0]:,} of one patient,\n{equal[1]:,} across patients, {equal[2]:,} across roles"
    )


def _draw_squares(axes: Axes, picture: np.ndarray, lines: dict[str, int]) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="antialiased", aspect="auto")
    axes.set_axis_off()
    step = picture.shape[0] / sum(lines.values())
    line = 0
    for number, (kind, count) in enumerate(lines.items()):
        middle = (line + count / 2) * step
        colour = RED if number else GREY
        place = {"x": -0.012, "y": middle / picture.shape[0]}
        axes.text(
            place["x"],
            1 - place["y"],
            kind.replace(" ", "\n") if count == 1 else kind,
            fontsize=5.6,
            rotation=90,
            ha="right",
            va="center",
            color=colour,
            transform=axes.transAxes,
            multialignment="center",
        )
        if number:
            axes.axhline(line * step - 0.5, color=RED, lw=0.8)
        line += count


def _draw_histogram(axes: Axes, rows: pd.DataFrame) -> None:
    """Mean share of a square's pixels by gray level, and between which shares nine of ten squares lie."""
    gray, floor = rows["gray"] + BIN / 2, 1e-5
    axes.fill_between(gray, rows["low"].clip(floor), rows["high"].clip(floor), color=LIGHT, lw=0)
    axes.plot(gray, rows["mean"].clip(floor), color=BLUE)
    axes.set_yscale("log")
    axes.set(xlim=(0, 256), ylim=(floor, 1.0), xticks=[0, 64, 128, 192, 255])
    axes.set_xlabel("gray level", labelpad=1)
    axes.set_ylabel(f"share of pixels: mean, {PERCENTILES[0]}th to {PERCENTILES[1]}th percentile", fontsize=5.6)
