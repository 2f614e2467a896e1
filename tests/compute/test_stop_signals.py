"""What stops a run, and what only seems to ask a second time."""

import os
import signal

import pytest

from diffchest.compute import stop_signals
from diffchest.compute.stop_signals import StopSignals


def test_the_first_signal_is_named_and_a_second_sigterm_does_nothing():
    """SLURM's own and the one that torchrun passes on: the second must not end the process before it has saved."""
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals() as stop:
        assert not stop.requested
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        assert stop.requested == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_second_interrupt_acts_at_once_unless_it_is_the_same_one(monkeypatch):
    times = iter([100.0, 100.1, 103.0])
    monkeypatch.setattr(stop_signals.time, "monotonic", lambda: next(times))
    with StopSignals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.requested == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
