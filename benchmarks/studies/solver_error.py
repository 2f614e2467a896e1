"""Error against network evaluations: DDIM and DPM-Solver++(2M); a Markdown table.

    python -m benchmarks.studies.solver_error [--device cpu]

On held-out test radiographs of the default model (after `dvc repro`), on one CPU thread or on a GPU. Mean absolute
errors on the [0, 1] scale. Round trip: encoding, then decoding with the same z. Code and picture tell the two
directions apart: x_T against the one of 1000 DDIM steps, and a counterfactual decoded from that x_T against the one of
1000 DDIM steps. "DDIM, log-SNR" is the first-order step at the timesteps of the second-order solver, so as to see which
of the two helps.
"""

import argparse
import time

import numpy as np
import torch
from torch import Tensor

from benchmarks.default_model import Setting
from benchmarks.measuring import markdown, provenance
from diffchest.counterfactuals.similarity import similarity
from diffchest.diffusion.ddim import Denoiser, carry, estimate_x0
from diffchest.diffusion.dpm_solver import dpm_timesteps
from diffchest.diffusion.schedule import Schedule
from diffchest.diffusion.solvers import SOLVERS, Solver
from diffchest.images.squares import from_model_range, to_model_range

PAPER = (250, 200)
DDIM_STEPS = [(20, 5), (20, 20), (40, 40), (50, 25), (100, 100), PAPER]
STEPS = [(5, 5), (8, 8), (10, 10), (20, 5), (20, 10), (15, 15), (20, 20), (30, 30), (40, 40)]


def first_order(model: Denoiser, x: Tensor, z: Tensor, *, schedule: Schedule, steps: int, up: bool) -> Tensor:
    """DDIM at the timesteps of DPM-Solver++."""
    timesteps = dpm_timesteps(schedule, steps)[:: 1 if up else -1]
    alpha_bars = [*(float(schedule.alpha_bar[t]) for t in timesteps), 0.0 if up else 1.0]
    for index, t in enumerate(timesteps):
        x0 = estimate_x0(model, x, t, z, alpha_bars[index])
        x = carry(x, x0, alpha_bars[index], alpha_bars[index + 1])
    return x


COMPARED = {
    "DDIM": (SOLVERS["ddim"], DDIM_STEPS),
    "DDIM, log-SNR": (
        Solver(
            lambda model, x, z, **options: first_order(model, x, z, up=True, **options),
            lambda model, x, z, **options: first_order(model, x, z, up=False, **options),
        ),
        [(10, 10), (20, 20), (40, 40)],
    ),
    "DPM-Solver++(2M)": (SOLVERS["dpm_solver"], STEPS),
}


@torch.inference_mode()
def curve(setting: Setting) -> list[list[str]]:
    """Rows of the table of errors, the header first."""
    model, schedule = setting.model, setting.model.schedule
    x = model.prepare(torch.from_numpy(to_model_range(setting.pixels)).to(model.device))
    z = torch.from_numpy(setting.z).to(model.device)
    targets = setting.moved(setting.head.choose_fitted(setting.params.explain.targets, key="explain.targets"))
    edited = torch.from_numpy(targets[np.arange(len(x)), np.arange(len(x)) % targets.shape[1]]).to(model.device)

    def pictures(decoded: Tensor) -> np.ndarray:
        return from_model_range(decoded.cpu().numpy())

    ddim, every = SOLVERS["ddim"], {"schedule": schedule, "steps": schedule.timesteps}
    code = ddim.encode(model, x, z, **every)
    expected = pictures(ddim.decode(model, code, edited, **every))
    rows = []
    for name, (solver, pairs) in COMPARED.items():
        for encode_steps, decode_steps in pairs:
            there, back = {"schedule": schedule, "steps": encode_steps}, {"schedule": schedule, "steps": decode_steps}
            start = time.perf_counter()
            own_code = solver.encode(model, x, z, **there)
            decoded = solver.decode(model, own_code, z, **back).cpu()  # waits for a GPU
            seconds = time.perf_counter() - start
            moved = pictures(solver.decode(model, code, edited, **back))
            errors = similarity(setting.pixels, pictures(decoded))["mae"], similarity(expected, moved)["mae"]
            rows.append((name, encode_steps, decode_steps, *(error.mean() for error in errors),
                         float((own_code - code).abs().mean()), seconds))  # fmt: skip
    (reference,) = [row[3] for row in rows if row[:3] == ("DDIM", *PAPER)]
    header = ["solver", "encode + decode", "evaluations", "round trip MAE", "of 250 + 200 DDIM", "x_T, MAE"]
    table = [[*header, "counterfactual, MAE", "s"]]
    for name, up, down, error, picture, noise, seconds in sorted(rows, key=lambda row: (row[0], row[1] + row[2])):
        errors = [f"{error:.5f}", f"{error / reference:.2f}", f"{noise:.4f}", f"{picture:.5f}"]
        table.append([name, f"{up} + {down}", f"{up + down}", *errors, f"{seconds:.1f}"])
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = curve(Setting(options.device))
    print(provenance(), markdown(table), sep="\n\n")


if __name__ == "__main__":
    main()
