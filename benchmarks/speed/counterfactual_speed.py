"""Counterfactuals of one radiograph towards every evaluated finding, in pictures per second; a Markdown table.

    python -m benchmarks.speed.counterfactual_speed [--device cpu]

On a held-out test radiograph of the default model (after `dvc repro`), on one CPU thread or on a GPU: encoded once and
decoded in one batch, beside one by one, of which only the first `SINGLY` are drawn, since each takes as long.
"""

import argparse
import time

import numpy as np
import torch

from benchmarks.default_model import Setting
from benchmarks.measuring import markdown, provenance
from diffchest.counterfactuals.pictures import decode, encode_noise
from diffchest.params.counterfactuals import SolverName

SINGLY = 4
PAPER = (250, 200)


def speed(setting: Setting) -> list[list[str]]:
    """Rows of the table of pictures per second, the header first."""
    explain = setting.params.explain
    pixels, z, moved = setting.pixels[:1], setting.z[:1], setting.moved(setting.findings)[:1]

    def seconds(solver: SolverName, up: int, down: int, parts: list[np.ndarray]) -> float:
        start = time.perf_counter()
        for latents in parts:
            code = encode_noise(setting.model, pixels, z, solver=solver, steps=up)
            decode(setting.model, code, latents, solver=solver, steps=down)
        return time.perf_counter() - start

    number = moved.shape[1]
    table = [["solver", "encode + decode", "encoded once, one batch, pictures/s", "one by one", "times"]]
    settings: list[tuple[SolverName, int, int]] = [("ddim", *PAPER), ("ddim", 50, 25)]
    settings.append((explain.solver, explain.encode_steps, explain.decode_steps))
    seconds(explain.solver, 2, 2, [moved])  # the first batch of a shape takes longer
    for solver, up, down in settings:
        once = number / seconds(solver, up, down, [moved])
        singly = SINGLY / seconds(solver, up, down, np.split(moved[:, :SINGLY], SINGLY, axis=1))
        table.append([solver, f"{up} + {down}", f"{once:.2f}", f"{singly:.2f}", f"{once / singly:.1f}"])
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    setting = Setting(options.device)
    table = speed(setting)
    where = torch.cuda.get_device_name() if setting.model.device.type == "cuda" else None
    print(provenance(where), markdown(table), sep="\n\n")
    print(f"\n{len(setting.findings)} findings, {setting.pixels.shape[-1]} px, {torch.get_num_threads()} CPU thread(s)")


if __name__ == "__main__":
    main()
