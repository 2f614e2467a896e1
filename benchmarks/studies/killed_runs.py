"""Is a pretraining that was stopped or killed the same, to the last byte, as one that was left alone? A Markdown table.

    python -m benchmarks.studies.killed_runs [--runs N] [--at-once N] [--seed N]

A tiny network is trained by `docs/slurm/pretrain.sh` as SLURM runs it: two machines of one process each, both of them
this one, and a job that asks for it is started again. At a random moment between the start of the processes and the
end of an undisturbed run comes what the table's rows name.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from subprocess import Popen

from benchmarks.measuring import markdown, provenance
from tests.helpers.slurm import Job, family, kill, workers

RUNS = 10
SETTINGS = {"images_shown": 1600, "micro_batch": 8, "checkpoint_every": 160}
OUTPUTS = ("model.safetensors", "loss.csv")
BYTES = tuple[bytes, ...]
Disturbance = Callable[[Popen, random.Random], None]
DISTURBANCES: dict[str, Disturbance] = {
    "SIGTERM to the job (time limit); it queues itself again": lambda job, _: job.terminate(),
    "kill -9 of one of the two processes; torchrun starts both anew": lambda job, rng: kill([rng.choice(workers(job))]),
    "kill -9 of the whole job (machine lost); SLURM starts it again": lambda job, _: kill(family(job.pid)),
}


def main() -> None:
    """Disturb the runs and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each kind (%(default)s)")
    parser.add_argument("--at-once", type=int, default=1, help="runs at the same time (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    options = parser.parse_args()
    rows = [["what happens", "runs", "went on from a checkpoint", "began anew", "same bytes: model", "loss curve"]]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.at_once) as pool:
        alone = list(pool.map(undisturbed, [Path(folder, f"undisturbed_{n}") for n in range(options.at_once)]))
        expected, seconds = alone[0][0], min(seconds for _, seconds in alone)
        for kind, (name, disturb) in enumerate(DISTURBANCES.items()):

            def outcome(run: int, kind: int = kind, disturb: Disturbance = disturb) -> tuple[str, BYTES]:
                number = 1000 * (kind + 1) + run
                return disturbed(Path(folder), number, disturb, random.Random(f"{options.seed}/{number}"), seconds)

            found = list(pool.map(outcome, range(options.runs)))
            resumed = sum("resumed at" in log for log, _ in found)
            same = [sum(made[part] == expected[part] for _, made in found) for part in range(len(OUTPUTS))]
            rows.append([name, *map(str, (len(found), resumed, len(found) - resumed, *same))])
    print(provenance(), markdown(rows), sep="\n\n")


def undisturbed(folder: Path) -> tuple[BYTES, float]:
    """What a run makes that is left alone, and the seconds from the start of its processes to its end."""
    job = job_in(folder)
    process = job.start(int(folder.name.rpartition("_")[2]))
    until_two_train(process)
    begun = time.monotonic()
    if process.wait():
        raise SystemExit(job.log.read_text(encoding="utf-8"))
    return made_in(folder), time.monotonic() - begun


def disturbed(folder: Path, number: int, disturb: Disturbance, rng: random.Random, seconds: float) -> tuple[str, BYTES]:
    """The log of a run, and what it made in the end; one that ended before its moment came is made again."""
    for attempt in count():
        job = job_in(folder / f"{number}_{attempt}")
        process = job.start(number)
        until_two_train(process)
        time.sleep(rng.uniform(0, seconds))
        if len(workers(process)) == 2:
            break
        process.wait()
    disturb(process, rng)
    finish(job, process, number)
    return job.log.read_text(encoding="utf-8"), made_in(job.folder)


def finish(job: Job, process: Popen, number: int) -> None:
    """Start the job again as often as it asks for that, or is killed, until it has ended well."""
    while process.wait():
        killed = process.returncode < 0  # what SLURM's `--requeue` is for
        if not (killed or job.requeued) or job.starts > 3:
            raise SystemExit(job.log.read_text(encoding="utf-8"))
        process = job.start(number)


def job_in(folder: Path) -> Job:
    """The job that trains a tiny network in `folder`."""
    folder.mkdir(exist_ok=True)
    return Job(folder, "-m", "tests.helpers.tiny", str(folder / "out"), json.dumps(SETTINGS))


def made_in(folder: Path) -> BYTES:
    """The bytes of the final model and of its loss curve."""
    return tuple((folder / "out" / name).read_bytes() for name in OUTPUTS)


def until_two_train(process: Popen) -> None:
    """Return when both processes have been started."""
    while process.poll() is None and len(workers(process)) < 2:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
