"""A job of `docs/slurm/pretrain.sh` as SLURM runs it: two machines of one process each, both of them this one."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.helpers.repository import ROOT

SCRIPT = ROOT / "docs" / "slurm" / "pretrain.sh"
SRUN = """#!/bin/bash
# The command once for each machine; SIGTERM goes to every process of both, as slurmstepd sends it.
while [[ $1 == --* ]]; do shift; done
family() { echo "$1"; for child in $(ps -o pid= --ppid "$1"); do family "$child"; done; }
terminate() { for task in "${tasks[@]}"; do for pid in $(family "$task"); do kill -TERM "$pid"; done; done 2> /dev/null; }
trap terminate TERM
tasks=()
for _ in 0 1; do "$@" & tasks+=($!); done
code=0
while [[ $(jobs -rp) ]]; do
  wait -n || { code=$?; [[ $code -gt 128 ]] || terminate; }  # --kill-on-bad-exit
done
exit $code
"""
SCONTROL = """#!/bin/bash
case "$1" in
  show) echo localhost ;;
  requeue) echo "$2" >> "$FAKE_SLURM/requeued" ;;
esac
"""


class Job:
    """The job in `folder`: what it prints is appended to `log`, and it is started again by whoever asks."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder, self.arguments, self.starts = folder, arguments, 0
        self.log, self._requeued = folder / "log", folder / "requeued"
        commands = {"bin/srun": SRUN, "bin/scontrol": SCONTROL}
        commands[".venv/bin/activate"] = f'export PATH="{Path(sys.executable).parent}:$PATH"\n'
        for name, text in commands.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755)

    def start(self, number: int = 1) -> subprocess.Popen:
        """Start job `number`, of which the port follows, as SLURM starts its script."""
        self._requeued.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "FAKE_SLURM": str(self.folder),
            "SLURM_SUBMIT_DIR": str(self.folder),
            "SLURM_JOB_ID": str(number),
            "SLURM_JOB_NODELIST": "two",
            "SLURM_NNODES": "2",
            "SLURM_GPUS_ON_NODE": "1",
            "SLURM_RESTART_COUNT": str(self.starts),
        }
        self.starts += 1
        with self.log.open("a", encoding="utf-8") as log:
            command = ["bash", str(SCRIPT), *self.arguments]
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    @property
    def requeued(self) -> bool:
        """Whether the script asked for the job to be queued again since it was started."""
        return self._requeued.exists()


def family(pid: int) -> list[int]:
    """A process and all that it started, directly or not."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def workers(job: subprocess.Popen) -> list[int]:
    """The processes that train: what the job's launchers started."""

    found = []
    for pid in family(job.pid):
        try:
            if b"\0LOCAL_RANK=" in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(pid)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def kill(pids: list[int]) -> None:
    """SIGKILL to those that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
