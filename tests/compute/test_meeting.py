"""Processes wait for one that works, however long, and not for one that is gone."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.repository import ROOT
from tests.helpers.tiny import finished, launch
from tests.helpers.waiting import HANG, wait_for


@pytest.fixture
def pair():
    """Start two processes that meet, without a launcher, which would wait half a minute for one that is suspended."""
    started = []

    def start(*arguments: str) -> list[subprocess.Popen]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        command = [sys.executable, "-m", "tests.helpers.meeting", *arguments]
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
        for rank in "01":
            environment = os.environ | place | {"RANK": rank}
            started.append(subprocess.Popen(command, cwd=ROOT, text=True, stdout=-1, stderr=-1, env=environment))
        return started

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_process_that_works_longer_than_a_silent_one_is_waited_for(pair, tmp_path):
    for process in pair("late", str(tmp_path)):
        finished(process)
    assert len(list(tmp_path.glob("met_again_*"))) == 2


def test_a_process_without_a_sign_of_life_is_named(pair, tmp_path):
    """Suspended, as one whose machine is gone: its connections stay open and nothing comes."""
    waiting, _ = pair("suspended", str(tmp_path))
    _, message = waiting.communicate(timeout=HANG)
    assert waiting.returncode != 0
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
