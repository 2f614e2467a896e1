"""How far long work is: a bar on a terminal, a line a minute elsewhere; notices, and the line each stage ends with."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import TextIOWrapper
from itertools import pairwise
from operator import length_hint
from typing import Generic, Self, TypeVar

from tqdm import tqdm

from diffchest.errors import DataError

T = TypeVar("T")
BETWEEN_LINES = 60  # seconds
TIMES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Lines(Generic[T]):
    """What stands for a bar where there is no terminal: at most a line a minute, none for what takes less.

    clock: seconds that only grow.
    """

    def __init__(
        self,
        iterable: Iterable[T],
        *,
        total: int | None,
        desc: str,
        unit: str,
        initial: int = 0,
        silent: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._iterable, self._total, self._desc, self._unit = iterable, total, desc, unit
        self._first = self._done = initial
        self._silent, self._clock, self._also = silent, clock, ""
        self._started = self._last = clock()

    def __iter__(self) -> Iterator[T]:
        for item in self._iterable:
            yield item
            self.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is left open: a line stays."""

    def update(self, n: int = 1) -> None:
        """Count `n` more, and print a line if the last one, or the start, is a minute ago."""
        self._done += n
        now = self._clock()
        if now - self._last >= BETWEEN_LINES and self._done != self._total and not self._silent:
            self._last = now
            print(self._line(now - self._started), file=sys.stderr, flush=True)

    def set_postfix(self, values: Mapping[str, float], refresh: bool = True) -> None:
        """Let lines end with these values, as tqdm's bars do; `refresh` is tqdm's, and a line never comes early."""
        del refresh
        self._also = "".join(f", {name} {value:.3g}" for name, value in values.items())

    def _line(self, passed: float) -> str:
        rate = (self._done - self._first) / passed
        of = "" if self._total is None else f" of {self._total:,}"
        left = "" if self._total is None or not rate else f", {in_words((self._total - self._done) / rate)} left"
        return f"{self._desc}: {self._done:,}{of} {self._unit}, {rate:,.3g} {self._unit}/s{left}{self._also}"


def in_words(seconds: float) -> str:
    """A time as two units at most: 45 s, 3 min, 2 h 10 min, 1 d 4 h."""
    for (size, unit), (smaller, name) in pairwise(TIMES):
        if seconds >= size:
            whole, rest = divmod(round(seconds / smaller), size // smaller)
            return f"{whole} {unit}" + (f" {rest} {name}" if rest and unit != "min" else "")
    return f"{seconds:.0f} s"


def progress(
    iterable: Iterable[T], *, total: int | None = None, desc: str = "", unit: str = "images", initial: int = 0
) -> "tqdm[T] | Lines[T]":
    """Wrap `iterable` in a bar with rate and time left; where there is no terminal, in a line a minute that has them.

    Only the first process of a run prints. initial: how many were done before. Without `total` that of `iterable`, if
    it has a length.
    """
    silent = os.environ.get("RANK", "0") != "0"
    if sys.stderr.isatty():
        # leave=None: a bar within another one vanishes when it is full
        return tqdm(
            iterable, total=total, desc=desc, unit=unit, initial=initial, disable=silent, dynamic_ncols=True, leave=None
        )
    known = total if total is not None else length_hint(iterable) or None
    return Lines(iterable, total=known, desc=desc, unit=unit, initial=initial, silent=silent)


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
