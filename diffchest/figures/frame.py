"""The frame of every figure: its size, its title, and whose radiographs it shows."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from diffchest.figures.settings import FigureParams
from diffchest.figures.style import GREY, MILLIMETRES_PER_INCH, WIDTH, wrapped

TITLE_LETTERS = 76  # of a line of the title
BELOW_TITLE = 1.5  # mm between the title and the names of columns, which may have several lines


def subject(params: FigureParams, cohorts: Sequence[str] = ()) -> str:
    """Whose radiographs a figure shows or counts, for its title: every cohort by name, and which of them are drawn.

    cohorts: those, where it is not the evaluated one alone.
    """
    named = list(cohorts) or [params.dataset]
    drawn = [name for name in named if name in params.phantoms]
    if len(drawn) == len(named):
        return f"phantom radiographs ({', '.join(named)})"
    return ", ".join(f"{name} (phantoms)" if name in drawn else name for name in named)


def new_figure(title: str, params: FigureParams, *, height: float, of: Sequence[str] = ()) -> Figure:
    """A titled figure, 180 mm wide and `height` mm high, whose title says whose radiographs it shows.

    of: the cohorts that they are of, where it is not the evaluated one alone.
    """
    figure = Figure(figsize=(WIDTH / MILLIMETRES_PER_INCH, height / MILLIMETRES_PER_INCH), layout="constrained")
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02, rect=(0, 0, 1, 1 - BELOW_TITLE / height))
    figure.suptitle(wrapped(f"{title} · {subject(params, of)}", TITLE_LETTERS), x=0.012, ha="left")
    return figure


def empty_figure(title: str, params: FigureParams, reason: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = new_figure(title, params, height=40)
    figure.text(0.5, 0.45, wrapped(reason, 90), ha="center", va="center", color=GREY, fontsize=8)
    return figure
