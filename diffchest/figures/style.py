"""What all figures share: size in print, type, colours that the colour-blind can tell apart, pictures and titles."""

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

WIDTH = 180.0  # mm: a double column in print
MILLIMETRES_PER_INCH = 25.4
NOTE_LINE = 2.8  # mm of a line of a footnote
# Okabe & Ito 2008
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY = "#CC79A7", "#56B4E9"
CYCLE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
INK, GREY, LIGHT = "#222222", "#767676", "#D9D9D9"
KIND_COLOUR = {"treatment": RED, "physiology": BLUE, "": GREY}
# blue to red, safe for the colour-blind (ColorBrewer RdBu), with true white at zero
_BLUE_TO_RED = "#053061 #2166AC #4393C3 #A6CFE3 #FFFFFF #F6B394 #D6604D #B2182B #67001F"
DIVERGING = LinearSegmentedColormap.from_list("blue_white_red", _BLUE_TO_RED.split())
ID_SIZE, ID_LETTER, ID_LINES = 4.2, 1.0, 4  # points, mm of a letter, and lines of the image id below a picture
FLAGGED: Any = {
    "marker": "D",
    "s": 7,
    "color": "white",
    "edgecolors": INK,
    "linewidths": 0.5,
}  # the mark of a flagged pair
CONTRADICTED: Any = FLAGGED | {"color": ORANGE}  # ... that the labels have together less often than by chance
RC: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "figure.titlesize": 9,
    "figure.titleweight": "bold",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
}


class NothingToDrawError(ValueError):
    """An input has no rows; the message says which and why, and is drawn in place of the figure."""


def forest_axes(axes: Axes, names: list[str], *, rows: int, **font: Any) -> None:
    """Set up the axes of a forest plot of AUCs: one name a row from above, room for `rows`, a line at chance."""
    axes.set_yticks(range(len(names)), names, **font)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.axvline(0.5, color=GREY, lw=0.7, ls=":")
    axes.grid(axis="x", color=LIGHT, lw=0.4)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def footnote(figure: Figure, text: str) -> None:
    """Say below the figure what its numbers are, in as many lines as it takes; beyond three the figure grows."""
    lines = wrapped(text, 128)
    more = max(0, lines.count("\n") - 2) * NOTE_LINE / MILLIMETRES_PER_INCH
    figure.set_figheight(figure.get_figheight() + more)
    figure.supxlabel(lines, fontsize=6.5)


def wrapped(text: str, width: int, lines: int | None = None) -> str:
    """`text` broken at spaces to lines of `width` characters; beyond `lines` lines it is cut with an ellipsis."""
    return "\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder=" …", break_on_hyphens=False)) or text


def show_picture(axes: Axes, pixels: np.ndarray, caption: str = "") -> None:
    """Draw a uint8 [H, W] radiograph without axes, its caption below."""
    _bare(axes, caption)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="bicubic")


def show_identified(axes: Axes, pixels: np.ndarray, image_id: str, *, side: float, caption: str = "") -> None:
    """Draw a radiograph that is `side` mm wide with its image id below it, and below that its caption."""
    show_picture(axes, pixels, caption)
    lines = id_lines(image_id, side)
    below: Any = {"fontsize": ID_SIZE, "color": GREY, "ha": "center", "va": "top", "linespacing": 1.1}
    axes.text(0.5, -0.02, "\n".join(lines), transform=axes.transAxes, parse_math=False, **below)
    axes.xaxis.labelpad = 2 + 1.2 * ID_SIZE * len(lines)


def id_lines(image_id: str, side: float) -> list[str]:
    """An image id broken into lines of `side` mm; beyond `ID_LINES` its middle is left out, never its ends."""
    letters = max(8, int(side / ID_LETTER))
    image_id = shortened(image_id, letters * ID_LINES)
    return [image_id[start : start + letters] for start in range(0, len(image_id), letters)]


def shortened(image_id: str, most: int) -> str:
    """An image id of `most` characters at most: beyond that its middle is left out, never its ends."""
    tail = most // 2
    return image_id if len(image_id) <= most else f"{image_id[: most - tail - 1]}…{image_id[-tail:]}"


def show_nothing(axes: Axes, caption: str = "") -> None:
    """Leave a place empty among pictures; its caption says why, where a picture would be."""
    _bare(axes, "")
    axes.set_box_aspect(1)
    axes.text(0.5, 0.5, caption, fontsize=6, color=GREY, ha="center", va="center", transform=axes.transAxes)


def show_code(axes: Axes, x_T: np.ndarray, caption: str = "") -> None:
    """Draw the stochastic code x_T [H, W], about standard normal, from -3 (black) to 3 (white)."""
    _bare(axes, caption)
    axes.imshow(x_T.astype(np.float32), cmap="gray", vmin=-3, vmax=3, interpolation="nearest")


def show_difference(axes: Axes, change: np.ndarray, *, limit: float, caption: str = "") -> None:
    """Draw a signed difference [H, W]: blue is darker, white unchanged, red brighter, saturated at `limit`."""
    _bare(axes, caption)
    axes.imshow(change, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
    for spine in axes.spines.values():
        spine.set(visible=True, color=LIGHT)


def signed_difference(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Change of gray value in % of the full range, from uint8 pictures."""
    return (after.astype(np.float64) - before.astype(np.float64)) / 2.55


def difference_limit(change: np.ndarray) -> float:
    """Colour limit of difference maps: the 99.5th percentile of the absolute change, at least 5 %."""
    return max(5.0, float(np.percentile(np.abs(change), 99.5)))


def difference_bar(figure: Figure, axes: Any, limit: float, **options: Any) -> None:
    """A colour bar for difference maps with this limit."""
    mappable = ScalarMappable(Normalize(-limit, limit), DIVERGING)
    bar = figure.colorbar(mappable, ax=axes, extend="both", **options)
    bar.set_label("change of gray value, % of range")
    bar.outline.set_visible(False)  # type: ignore[operator]


def _bare(axes: Axes, caption: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if caption:
        axes.set_xlabel(caption, fontsize=6, labelpad=2)
