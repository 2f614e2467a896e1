"""Waiting for what another process does: until it has happened or cannot happen any more, however busy the machine is."""

import subprocess
import time
from collections.abc import Callable

HANG = 1800  # seconds after which something hangs; no test passes or fails by how long it takes


def wait_for(happened: Callable[[], object], process: subprocess.Popen) -> None:
    """Return as soon as `happened()` is true; an error when `process` has ended without it."""
    started = time.monotonic()
    while not happened():
        assert process.poll() is None, f"ended before it happened: {process.communicate()}"
        assert time.monotonic() - started < HANG, "hangs"
        time.sleep(0.01)
