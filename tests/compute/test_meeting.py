"""Processes wait for one that works, however long, and not for one that is gone."""

import os
import signal
from pathlib import Path

from tests.helpers.tiny import finished, launch
from tests.helpers.waiting import HANG, wait_for


def test_a_process_that_works_longer_than_a_silent_one_is_waited_for(tmp_path):
    finished(launch("tests.helpers.meeting", "late", str(tmp_path), processes=2))
    assert len(list(tmp_path.glob("met_again_*"))) == 2


def test_a_process_without_a_sign_of_life_is_named(tmp_path, monkeypatch):
    """Suspended, as one whose machine is gone: its connections stay open and nothing comes."""
    monkeypatch.setenv("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "1")
    launched = launch("tests.helpers.meeting", "suspended", str(tmp_path), processes=2)
    _, message = launched.communicate(timeout=HANG)
    assert launched.returncode != 0
    assert "process 1 of 2 has given no sign of life for 2 s" in message
    assert not list(tmp_path.glob("met_again_*"))


def test_processes_whose_launcher_is_killed_end(tmp_path):
    launcher = launch("tests.helpers.meeting", "orphans", str(tmp_path), processes=2)
    wait_for(lambda: len([path for path in tmp_path.glob("met_*") if path.read_text()]) == 2, launcher)
    orphans = [int(path.read_text()) for path in tmp_path.glob("met_*")]
    launcher.send_signal(signal.SIGKILL)
    launcher.communicate(timeout=HANG)  # ends when the last of them closes its output
    assert not any(alive(pid) for pid in orphans)


def alive(pid: int) -> bool:
    """Whether a process runs: one that ended may stay listed until somebody asks how."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
