"""Threads and waiting: the default's training step alone and beside busy processes.

    python -m benchmarks.speed.threads [--seconds 3] [--turns 2] [--neighbours 0 1 3]

Each way of waiting runs in a process of its own, since OpenMP reads its environment once; all take turns in the same
run. A neighbour is a busy loop of the same priority. Prints a Markdown table of images/s, medians over the turns.
"""

import argparse
import os
import statistics
import subprocess
import sys

from benchmarks.speed.step_before_after import turn

WAYS: dict[str, dict[str, str]] = {
    "1 thread": {"OMP_NUM_THREADS": "1"},
    "2 threads, OpenMP's own waiting": {"OMP_NUM_THREADS": "2"},
    **{
        f"2 threads, {spins:,} spins": {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": str(spins)}
        for spins in (1000, 10_000, 100_000)
    },
    "2 threads, passive": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"},
}
SETTINGS = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_PROC_BIND")
# ends with the measurement, however that ends
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"


def main() -> None:
    """Measure every way beside every number of neighbours and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3, help="of each turn")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--neighbours", type=int, nargs="+", default=[0, 1, 3], help="busy loops beside the step")
    parser.add_argument("--step", action="store_true", help=argparse.SUPPRESS)  # the measured process itself
    options = parser.parse_args()
    if options.step:
        print(turn(options.seconds))
        return
    rates: dict[tuple[str, int], list[float]] = {(way, busy): [] for way in WAYS for busy in options.neighbours}
    for _ in range(options.turns):
        for busy in options.neighbours:
            loops = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(busy)]
            try:
                for way in WAYS:
                    rates[way, busy].append(_measured(WAYS[way], options.seconds))
                    print(f"{way}, beside {busy}: {rates[way, busy][-1]:.1f}", file=sys.stderr, flush=True)
            finally:
                for loop in loops:
                    loop.kill()
                    loop.wait()
    columns = [f"{busy} busy loop{'s' * (busy != 1)}" for busy in options.neighbours]
    print(f"load of the machine: {os.getloadavg()[0]:.1f}\n\n| images/s | {' | '.join(columns)} |")
    print("|---|" + "---:|" * len(columns))
    for way in WAYS:
        print(f"| {way} | " + " | ".join(f"{statistics.median(rates[way, n]):.1f}" for n in options.neighbours) + " |")


def _measured(setting: dict[str, str], seconds: float) -> float:
    """Images/s of a process of its own with the OpenMP environment `setting`."""
    environment = {key: value for key, value in os.environ.items() if key not in SETTINGS} | setting
    command = [sys.executable, "-m", "benchmarks.speed.threads", "--step", "--seconds", str(seconds)]
    return float(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout)


if __name__ == "__main__":
    main()
