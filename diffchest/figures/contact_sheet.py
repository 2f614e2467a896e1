"""What was decoded, by cohort: squares drawn at random, the darkest, brightest and flattest, and their gray levels.

Squares are too small to bear their image ids: they are numbered, and the ids are listed below them.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image

from diffchest import paths
from diffchest.contracts.decoded import BIN, COLUMNS, KINDS, PERCENTILES, read_sheet
from diffchest.contracts.image_store import ImageStore
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import (
    BLUE,
    GREY,
    ID_LETTER,
    ID_SIZE,
    INK,
    LIGHT,
    RED,
    WIDTH,
    NothingToDrawError,
    shortened,
)

TITLE, DATASET, BOTTOM = 9.0, 6.0, 8.0  # mm
SQUARE, MARK = 10.6, 9.0  # mm: side of a square, room for the name of its row
LARGEST = 128  # px that a square is drawn with at most
GAP = 0.05  # between squares, of their side
LISTS, LIST_LINE, ABOVE = 2, 2.1, 2.0  # columns of the list of image ids, mm of a line, mm above it
OUTLINED = [withStroke(linewidth=1.2, foreground="black")]  # a number is seen on dark and bright squares


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
    listed = {name: numbered(sheet[sheet["dataset"] == name]) for name in blocks}
    below = {name: ABOVE + LIST_LINE * math.ceil(len(ids) / LISTS) for name, ids in listed.items()}
    heights = [DATASET + SQUARE * sum(lines.values()) + below[name] + BOTTOM for name, (_, lines) in blocks.items()]
    figure = new_figure("What was decoded", params, height=TITLE + sum(heights), of=list(blocks))
    figure.set_layout_engine("none")
    top, total = TITLE, TITLE + sum(heights)
    figure.suptitle(figure.get_suptitle(), x=0.012, ha="left", y=1 - 2 / total)  # in mm: at 0.98 it meets the blocks
    for (name, (picture, lines)), height in zip(blocks.items(), heights, strict=True):
        drawn = " (phantoms)" if name in params.phantoms else ""
        figure.text(0.012, 1 - (top + DATASET / 2) / total, name + drawn, fontsize=8, weight="bold", color=BLUE)
        foot = below[name] + BOTTOM
        bottom, tall = 1 - (top + height - foot) / total, (height - DATASET - foot) / total
        left, wide = (MARK / WIDTH, COLUMNS * SQUARE / WIDTH)
        _draw_squares(figure.add_axes((left, bottom, wide, tall)), picture, lines, listed[name])
        _list_ids(figure, listed[name], top=bottom - ABOVE / total, line=LIST_LINE / total)
        place = (left + wide + 0.075, bottom + 0.42 * tall, 0.985 - left - wide - 0.075, 0.56 * tall)
        _draw_histogram(figure.add_axes(place), histograms[histograms["dataset"] == name])
        where = (left + wide + 0.03, bottom)
        figure.text(
            *where, told(counts[counts["dataset"] == name].iloc[0]), fontsize=6, va="bottom", color=INK, linespacing=1.3
        )
        top += height
    return figure


def numbered(rows: pd.DataFrame) -> list[tuple[int, int, str]]:
    """Line, column and image id of the squares of one cohort, as `mosaic` lays them out: the first has number 1."""
    found, line = [], 0
    for kind in KINDS:
        ids = rows.loc[rows["kind"] == kind, "image_id"].tolist()
        found += [(line + place // COLUMNS, place % COLUMNS, image_id) for place, image_id in enumerate(ids)]
        line += math.ceil(len(ids) / COLUMNS)
    return found


def mosaic(rows: pd.DataFrame, store: ImageStore) -> tuple[np.ndarray, dict[str, int]]:
    """The squares of one cohort in one picture [H, W], white between them, and the lines that each kind takes."""
    side = min(store.size, LARGEST)
    step = side + max(1, round(GAP * side))
    lines = {kind: math.ceil((rows["kind"] == kind).sum() / COLUMNS) for kind in KINDS}
    picture = np.full((sum(lines.values()) * step, COLUMNS * step), 255, dtype=np.uint8)
    squares = numbered(rows)
    for (line, column, _), square in zip(squares, store.read([image_id for *_, image_id in squares]), strict=True):
        top, left = line * step, column * step
        picture[top : top + side, left : left + side] = np.asarray(Image.fromarray(square).resize((side, side)))
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


def _draw_squares(axes: Axes, picture: np.ndarray, lines: dict[str, int], squares: list[tuple[int, int, str]]) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="antialiased", aspect="auto")
    axes.set_axis_off()
    step = picture.shape[0] / sum(lines.values())
    for number, (row, column, _) in enumerate(squares, start=1):
        place = ((column + 0.05) * step, (row + 0.05) * step)
        axes.text(*place, f"{number}", fontsize=ID_SIZE, color="white", va="top", path_effects=OUTLINED)
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


def _list_ids(figure: Figure, squares: list[tuple[int, int, str]], *, top: float, line: float) -> None:
    """The numbers of the squares with their image ids, column by column; places and sizes are shares of the figure."""
    height, width = math.ceil(len(squares) / LISTS), (WIDTH - 4) / LISTS
    below: Any = {"fontsize": ID_SIZE, "va": "top", "parse_math": False}
    for place, (*_, image_id) in enumerate(squares):
        left, y = 2 + place // height * width, top - place % height * line
        figure.text((left + 4) / WIDTH, y, f"{place + 1}", color=INK, ha="right", **below)
        text = shortened(image_id, int((width - 7) / ID_LETTER))
        figure.text((left + 5) / WIDTH, y, text, color=GREY, **below)


def _draw_histogram(axes: Axes, rows: pd.DataFrame) -> None:
    """Mean share of a square's pixels by gray level, and between which shares nine of ten squares lie."""
    gray, floor = rows["gray"] + BIN / 2, 1e-5
    axes.fill_between(gray, rows["low"].clip(floor), rows["high"].clip(floor), color=LIGHT, lw=0)
    axes.plot(gray, rows["mean"].clip(floor), color=BLUE)
    axes.set_yscale("log")
    axes.set(xlim=(0, 256), ylim=(floor, 1.0), xticks=[0, 64, 128, 192, 255])
    axes.set_xlabel("gray level", labelpad=1)
    axes.set_ylabel(f"share of pixels: mean, {PERCENTILES[0]}th to {PERCENTILES[1]}th percentile", fontsize=5.6)
