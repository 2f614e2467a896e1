"""Error against network evaluations, DDIM and DPM-Solver++(2M), and what encoding once saves.

    python benchmarks/solvers.py [--device cpu] [curve] [speed]

On held-out test radiographs of the default model (after `dvc repro`), on one CPU thread or on a GPU. Prints Markdown:

* curve: mean absolute errors on the [0, 1] scale. Round trip: encoding, then decoding with the same z. Code and picture
  tell the two directions apart: x_T against the one of 1000 DDIM steps, and a counterfactual decoded from that x_T
  against the one of 1000 DDIM steps. "DDIM, log-SNR" is the first-order step at the timesteps of the second-order
  solver, so as to see which of the two helps.
* speed: counterfactuals of one radiograph towards every evaluated finding, in pictures per second; one by one only the
  first `SINGLY` of them, since each takes as long.
"""

import argparse
import time

import numpy as np
import torch
from torch import Tensor

from diffchest import paths
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.labels import load_labels
from diffchest.contracts.latents import Latents
from diffchest.contracts.manifest import read_manifest
from diffchest.counterfactuals import moves as counterfactual
from diffchest.counterfactuals.similarity import similarity
from diffchest.diffusion.ddim import Denoiser, carry, estimate_x0
from diffchest.diffusion.dpm_solver import dpm_timesteps
from diffchest.diffusion.schedule import Schedule
from diffchest.diffusion.solvers import SOLVERS, Solver
from diffchest.findings.disease_free import choose_one_per_patient
from diffchest.images.squares import from_model_range, to_model_range
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.counterfactuals import SolverName
from diffchest.params.whole import load_params

RADIOGRAPHS = 16
SINGLY = 4
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


class Setting:
    """The default model, its head, held-out radiographs and where to move them."""

    def __init__(self, device: str) -> None:
        self.params = load_params()
        self.model, self.head = load_autoencoder(paths.AUTOENCODER, torch.device(device)), Head.load(paths.HEAD)
        manifest = read_manifest(paths.STORED_MANIFEST)
        own = manifest[manifest["dataset"] == self.params.evaluation.dataset]
        test, finetune = (own[own["role"] == role] for role in ("test", "finetune"))
        sample = choose_one_per_patient(test, number=RADIOGRAPHS, seed=1)  # not those of the explain stage
        self.pixels = ImageStore(paths.IMAGES).read(sample)
        self.z = counterfactual.encode_latents(self.model, self.pixels)
        labels = load_labels(paths.labels(self.params.evaluation.dataset), test["image_id"].tolist(), "ones")
        self.findings = evaluated_findings(labels, self.head, positives_above=self.params.evaluation.positives_above)
        latents = Latents.load(paths.LATENTS).select(finetune["image_id"].tolist())
        self.covariance = counterfactual.latent_covariance(latents, self.head)

    def moved(self, findings: list[str]) -> np.ndarray:
        """Latents [N, T, d] moved towards `findings` as the explain stage moves them."""
        return counterfactual.edit_latents(
            self.z, self.head, findings, self.params.explain, covariance=self.covariance
        )[0]


@torch.inference_mode()
def curve(setting: Setting) -> None:
    """Print the table of errors."""
    model, schedule = setting.model, setting.model.schedule
    x = model.prepare(torch.from_numpy(to_model_range(setting.pixels)).to(model.device))
    z = torch.from_numpy(setting.z).to(model.device)
    targets = setting.moved(counterfactual.fitted_targets(setting.head, setting.params.explain.targets))
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
    print("| solver | encode + decode | evaluations | round trip MAE | of 250 + 200 DDIM | x_T, MAE "
          "| counterfactual, MAE | s |\n|---|---|---:|---:|---:|---:|---:|---:|")  # fmt: skip
    for name, up, down, error, picture, noise, seconds in sorted(rows, key=lambda row: (row[0], row[1] + row[2])):
        print(
            f"| {name} | {up} + {down} | {up + down} | {error:.5f} | {error / reference:.2f} | {noise:.4f} "
            f"| {picture:.5f} | {seconds:.1f} |"
        )


def speed(setting: Setting) -> None:
    """Print pictures per second, one radiograph towards all evaluated findings: encoded once, and one by one."""
    explain = setting.params.explain
    pixels, z, moved = setting.pixels[:1], setting.z[:1], setting.moved(setting.findings)[:1]

    def seconds(solver: SolverName, up: int, down: int, parts: list[np.ndarray]) -> float:
        start = time.perf_counter()
        for latents in parts:
            code = counterfactual.encode_noise(setting.model, pixels, z, solver=solver, steps=up)
            counterfactual.decode(setting.model, code, latents, solver=solver, steps=down)
        return time.perf_counter() - start

    number = moved.shape[1]
    print("| solver | encode + decode | encoded once, one batch, pictures/s | one by one | times |")
    print("|---|---|---:|---:|---:|")
    settings: list[tuple[SolverName, int, int]] = [("ddim", *PAPER), ("ddim", 50, 25)]
    settings.append((explain.solver, explain.encode_steps, explain.decode_steps))
    seconds(explain.solver, 2, 2, [moved])  # the first batch of a shape takes longer
    for solver, up, down in settings:
        once = number / seconds(solver, up, down, [moved])
        singly = SINGLY / seconds(solver, up, down, np.split(moved[:, :SINGLY], SINGLY, axis=1))
        print(f"| {solver} | {up} + {down} | {once:.2f} | {singly:.2f} | {once / singly:.1f} |")
    device = setting.model.device
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} CPU thread(s)"
    print(f"\n{number} findings, {setting.pixels.shape[-1]} px, {where}")


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=["curve", "speed"], default=["curve", "speed"])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    setting = Setting(options.device)
    for part in options.parts:
        {"curve": curve, "speed": speed}[part](setting)


if __name__ == "__main__":
    main()
