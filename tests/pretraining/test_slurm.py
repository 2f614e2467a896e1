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


@pytest.mark.parametrize(("name", "starts"), zip(DISTURBANCES, (2, 1, 2), strict=True))
def test_a_disturbed_job_makes_the_same_bytes(name, starts, expected, tmp_path):
    """Queued again by itself; started again by torchrun, while the job goes on; started again by SLURM."""
    job, number = job_in(tmp_path), os.getpid() + starts
    process = job.start(number)
    wait_for(lambda: list(tmp_path.glob("out/runs/*/*.pt")) and len(workers(process)) == 2, process)
    DISTURBANCES[name](process, random.Random())
    finish(job, process, number)
    # the model alone: a stop between two rows may round the training loss of the first otherwise (docs/clusters.md)
    assert made_in(tmp_path)[0] == expected[0]
    assert "resumed at" in job.log.read_text()
    assert job.starts == starts


def test_the_script_is_one_that_bash_and_shellcheck_accept():
    for command in (["bash", "-n"], ["shellcheck"]):
        if shutil.which(command[0]):
            checked = subprocess.run([*command, str(SCRIPT)], capture_output=True, text=True)
            assert checked.returncode == 0, checked.stdout + checked.stderr
