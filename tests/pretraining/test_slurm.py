"""Jobs of docs/slurm/pretrain.sh that are told to stop or lose a process: the same bytes as one that was left alone."""

import os
import random
import shutil
import subprocess

import pytest

from benchmarks.studies.killed_runs import DISTURBANCES, finish, job_in, made_in, undisturbed
from tests.helpers.slurm import SCRIPT, workers
from tests.helpers.waiting import wait_for


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    made, _ = undisturbed(tmp_path_factory.mktemp("jobs") / f"undisturbed_{os.getpid()}")
    return made


def test_a_job_that_is_told_to_stop_asks_to_be_queued_again_and_makes_the_same_bytes(expected, tmp_path):
    """SIGTERM to every process, launchers too: they stop together after one checkpoint."""
    log = _disturbed("SIGTERM to the job (time limit); it queues itself again", expected, tmp_path, starts=2)
    assert "stopped by SIGTERM" in log


def test_a_job_that_loses_a_process_goes_on_and_makes_the_same_bytes(expected, tmp_path):
    """kill -9 of one of two: torchrun starts both anew, within the same job."""
    _disturbed("kill -9 of one of the two processes; torchrun starts both anew", expected, tmp_path, starts=1)


def _disturbed(name, expected, folder, *, starts):
    """The log of a job that is disturbed after its first checkpoint; model and loss curve are checked."""
    job, number = job_in(folder), os.getpid() + starts
    process = job.start(number)
    wait_for(lambda: list(folder.glob("out/runs/*/*.pt")) and len(workers(process)) == 2, process)
    DISTURBANCES[name](process, random.Random(0))
    finish(job, process, number)
    assert made_in(folder) == expected
    assert job.starts == starts
    log = job.log.read_text()
    assert "resumed at" in log
    return log


def test_the_script_is_one_that_bash_and_shellcheck_accept():
    for command in (["bash", "-n"], ["shellcheck"]):
        if shutil.which(command[0]):
            checked = subprocess.run([*command, str(SCRIPT)], capture_output=True, text=True)
            assert checked.returncode == 0, checked.stdout + checked.stderr
