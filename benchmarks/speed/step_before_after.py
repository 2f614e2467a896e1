"""Images/s of the default's training step by the code of a checkout and by this one, in turns.

    git worktree add ../before COMMIT
    nice -n -15 python -m benchmarks.speed.step_before_after ../before [--turns 5] [--threads 1 2]

Prints a Markdown table: AVX2 (emulated by masks of PyTorch and oneDNN where the processor has more) and all that the
processor has, idle and beside a neighbour process that loops. Each turn is a process of its own, started in the folder
whose code it measures; ratios are of neighbouring turns, since times depend on what else the machine does.
"""

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measuring import markdown, provenance

AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
MASKS: dict[str, dict[str, str]] = {"AVX2": AVX2, "all of the processor's": {}}
WARM_UP, LEAST_SECONDS = 3, 4.0
TURN = "--turn"  # starts a turn, in the folder whose code it measures
HERE = Path(__file__).resolve().parents[2]


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="checkout of the code to compare with")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    print(provenance(), f"load before: {os.getloadavg()[0]:.1f}", sep=", ", end="\n\n")
    rows = [["instructions", "threads", "beside", "before, images/s", "after, images/s", "times (range)"]]
    for instructions, mask in MASKS.items():
        for threads in options.threads:
            for beside in ("nothing", "a busy loop"):
                rows.append([instructions, str(threads), beside, *_compared(mask, threads, beside, options)])
    print(markdown(rows))


def _compared(mask: dict[str, str], threads: int, beside: str, options: argparse.Namespace) -> list[str]:
    neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if beside != "nothing" else None
    try:
        pairs = [[_turn(folder, mask, threads) for folder in (options.before, HERE)] for _ in range(options.turns)]
    finally:
        if neighbour is not None:
            neighbour.kill()
            neighbour.wait()
    before, after = zip(*pairs, strict=True)
    ratios = [new / old for old, new in pairs]
    middle = statistics.median(ratios)
    return [
        f"{statistics.median(before):.1f}",
        f"{statistics.median(after):.1f}",
        f"{middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
    ]


def _turn(folder: Path, mask: dict[str, str], threads: int) -> float:
    environment = {name: value for name, value in os.environ.items() if name not in AVX2}
    environment |= {**mask, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(folder.resolve())}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), TURN],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{folder}: its step could not be measured:\n{done.stderr}")
    return float(done.stdout.split()[-1])


def turn(seconds: float = LEAST_SECONDS) -> float:
    """Images/s of the step of the code in the working folder, by `OMP_NUM_THREADS` threads, for some `seconds`."""
    importlib.import_module("diffchest")  # before torch, as in the stages: it says how torch's threads wait
    import torch  # here, for it is the measured folder's environment that decides its instructions

    from benchmarks.speed.train_step_speed import parameters
    from benchmarks.speed.train_steps import our_step
    from diffchest.compute.device import set_up

    params = parameters("default")
    set_up(params.runtime.model_copy(update={"device": "cpu", "threads": int(os.environ["OMP_NUM_THREADS"])}))
    step = our_step(params, torch.device("cpu"))
    for _ in range(WARM_UP):
        step()
    steps, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        step()
        steps += 1
    return steps * params.pretrain.batch_size / (time.perf_counter() - begun)


if __name__ == "__main__":
    print(turn()) if sys.argv[1:] == [TURN] else main()
