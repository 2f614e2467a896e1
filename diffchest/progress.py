"""Progress bars on a terminal, silence elsewhere, and the one line each stage ends with."""

import os
import sys
from collections.abc import Callable, Iterable
from io import TextIOWrapper
from typing import TypeVar

from tqdm import tqdm

from diffchest.errors import DataError

T = TypeVar("T")


def progress(iterable: Iterable[T], *, total: int | None = None, desc: str = "", unit: str = "images") -> "tqdm[T]":
    """Wrap `iterable` in a bar with rate and time left, drawn by the first process of a run on a terminal only."""
    silent = not sys.stderr.isatty() or os.environ.get("RANK", "0") != "0"
    # leave=None: a bar within another one vanishes when it is full
    return tqdm(iterable, total=total, desc=desc, unit=unit, disable=silent, dynamic_ncols=True, leave=None)


def summary(stage: str, text: str) -> None:
    """Print the summary line of a stage."""
    print(f"{stage}: {text}", flush=True)


def notice(text: str) -> None:
    """Print something that the user should know, though the work goes on."""
    print(f"note: {text}", file=sys.stderr, flush=True)


def run(main: Callable[[], None]) -> None:
    """Run a stage; an error that the user can mend ends it with its message instead of a traceback.

    What the locale of the machine cannot print, such as an accent in a finding, is printed as its code.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main()
    except DataError as error:
        sys.exit(f"error: {error}")
