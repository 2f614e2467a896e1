"""The frame of every figure: its size, its title, and whose radiographs it shows."""

from typing import Any

from matplotlib.figure import Figure

from diffchest.figures.settings import FigureParams
from diffchest.figures.style import GREY, MILLIMETRES_PER_INCH, WIDTH, wrapped


def subject(params: FigureParams) -> str:
    """Whose radiographs the figures show, for titles."""
    return "phantom radiographs" if params.on_phantoms else params.dataset


def new_figure(title: str, params: FigureParams, *, height: float, of: str = "") -> Figure:
    """A titled figure, 180 mm wide and `height` mm high, whose title says whose radiographs it shows.

    of: whose they are, where they are not those of `subject`.
    """
    figure = Figure(figsize=(WIDTH / MILLIMETRES_PER_INCH, height / MILLIMETRES_PER_INCH), layout="constrained")
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)
    figure.suptitle(f"{title} · {of or subject(params)}", x=0.012, ha="left")
    return figure


def empty_figure(title: str, params: FigureParams, reason: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = new_figure(title, params, height=40)
    figure.text(0.5, 0.45, wrapped(reason, 90), ha="center", va="center", color=GREY, fontsize=8)
    return figure
