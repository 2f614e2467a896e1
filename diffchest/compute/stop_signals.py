"""Being asked to stop: SIGTERM, as SLURM sends it, or Ctrl-C."""

import signal
import time
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any

ONCE = 2.0  # seconds within which a second Ctrl-C is the same one: a launcher passes on what reached all processes


class StopSignals(AbstractContextManager["StopSignals"]):
    """While entered, SIGTERM and SIGINT only set `requested` to the name of the first.

    A second SIGINT acts at once, for somebody who waits at a terminal. Further SIGTERMs do nothing: SLURM sends one to
    every process of a job, and `torchrun` passes its own on, so that each gets two; who cannot wait has SIGKILL.
    """

    def __init__(self) -> None:
        self.requested = ""
        self._interrupted = 0.0  # when
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = self.requested or signal.Signals(number).name
        if number != signal.SIGINT:
            return
        now = time.monotonic()
        if self._interrupted and now - self._interrupted > ONCE:
            signal.default_int_handler(number, frame)
        self._interrupted = self._interrupted or now
