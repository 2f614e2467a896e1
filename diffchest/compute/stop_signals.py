"""Being asked to stop: SIGTERM, as SLURM sends it, or Ctrl-C."""

import signal
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any


class StopSignals(AbstractContextManager["StopSignals"]):
    """While entered, SIGTERM and SIGINT only set `requested` to their name; a second one acts at once."""

    def __init__(self) -> None:
        self.requested = ""
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _request(self, number: int, _: FrameType | None) -> None:
        self.requested = signal.Signals(number).name
        signal.signal(number, self._previous[signal.Signals(number)])
