"""What only a GPU can tell of the paper's network, in under 10 minutes, as Markdown; if asked, the default too.

    python -m benchmarks.gpu.all > gpu.md               # one GPU
    python -m benchmarks.gpu.all --end-to-end           # and `dvc repro` of params.yaml after it, timed
    python -m benchmarks.gpu.all --dry-run              # every part on a CPU with a tiny network, in seconds

It was never run on a GPU: the dry run is what was tested. Goals: a model FLOP utilisation (MFU) of 40 % of the data
sheet's peak, and twice the images/s of a plain loop written as the authors' in the same run. Parts that fail, such as a
batch that does not fit, say so in their row and the others go on.
"""

import argparse
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.measuring import markdown, provenance
from benchmarks.speed.train_steps import our_step, plain_step
from diffchest.cost.counting import network, step_bytes, training_pass
from diffchest.cost.devices import GPUS
from diffchest.counterfactuals.pictures import decode, encode_latents, encode_noise
from diffchest.model.autoencoder import DiffusionAutoencoder, place
from diffchest.params.whole import Params
from diffchest.profiles import with_profiles

BATCH = 12  # of the paper, all at once
BATCHES = (3, 12, 24, 48)
TURNS, WARM_UP = 5, 3
STEPS = {"ddim": (50, 50), "dpm_solver": (20, 20)}
TINY: dict[str, Any] = {
    "base_channels": 8,
    "channel_multipliers": [1, 2],
    "residual_blocks": 1,
    "norm_groups": 4,
    "time_dim": 16,
    "latent_dim": 8,
    "attention_resolutions": [],
}
HEADER = [["part", "setting", "value", "beside it"]]


def main() -> None:
    """Print the tables as they come."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="a tiny network on the CPU")
    parser.add_argument("--no-compile", action="store_true", help="leave out `pretrain.compile`")
    parser.add_argument("--end-to-end", action="store_true", help="`dvc repro` of params.yaml, which it may change")
    options = parser.parse_args()
    if not options.dry_run and not torch.cuda.is_available():
        raise SystemExit("no GPU here; --dry-run runs every part on the CPU with a tiny network")
    device = torch.device("cpu" if options.dry_run else "cuda")
    params = tiny() if options.dry_run else with_profiles(["paper"])
    where = "dry run on a CPU, whose numbers mean nothing" if options.dry_run else torch.cuda.get_device_name()
    print(provenance(f"{where}, torch {torch.__version__}"), end="\n\n", flush=True)
    begun = time.perf_counter()
    for part in (
        steps(params, device, compiled=not options.no_compile and not options.dry_run),
        memory(params, device),
    ):
        print(markdown(HEADER + part), end="\n\n", flush=True)
    print(markdown(HEADER + drawing(params, device)), end="\n\n", flush=True)
    if options.end_to_end:
        print(markdown(HEADER + end_to_end(dry=options.dry_run)), end="\n\n")
    print(f"{time.perf_counter() - begun:.0f} s in all")


def tiny() -> Params:
    """The paper's profile with a tiny network at 32 px."""
    paper = with_profiles(["paper"])
    encoder = paper.model.encoder.model_copy(
        update={"channel_multipliers": [1, 2], "residual_blocks": 1, "attention_resolutions": []}
    )
    return paper.model_copy(
        update={
            "model": paper.model.model_copy(update={**TINY, "encoder": encoder}),
            "images": paper.images.model_copy(update={"size": 32}),
        }
    )


def changed(params: Params, **settings: Any) -> Params:
    """With other settings of `pretrain`, a batch at once."""
    update = {"micro_batch": None, "precision": "bf16", "compile": False, **settings}
    return params.model_copy(update={"pretrain": params.pretrain.model_copy(update=update)})


def steps(params: Params, device: torch.device, *, compiled: bool) -> list[list[str]]:
    """Images/s and MFU of our step, and of the plain loop in fp16 autocast as the authors' is, by turns."""
    contenders: dict[str, Callable[[], Any]] = {
        "plain loop, as the authors'": lambda: autocast(plain_step(changed(params, batch_size=BATCH), device), device),
        "ours, bf16": lambda: our_step(changed(params, batch_size=BATCH), device),
    }
    if compiled:
        contenders["ours, bf16, compiled"] = lambda: our_step(changed(params, batch_size=BATCH, compile=True), device)
    flops = training_pass(changed(params), 1).flops
    peak = next((gpu.half for gpu in GPUS if gpu.name.split()[0] in name_of(device)), None)
    if "H200" in name_of(device):  # the same chip with more memory
        peak = next(gpu.half for gpu in GPUS if gpu.name.startswith("H100"))
    rates: dict[str, list[float] | str] = {}
    for name, build in contenders.items():
        rates[name] = attempt(lambda build=build: turns(build(), device))
        tidy(device)
    plain = rates["plain loop, as the authors'"]
    rows = []
    for name, found in rates.items():
        if isinstance(found, str) or isinstance(plain, str):
            rows.append(["training step", name, str(found), ""])
            continue
        rate = statistics.median(found) * BATCH
        used = f"MFU {rate * flops / peak:.0%}" if peak else f"{rate * flops / 1e12:.3g} TFLOP/s"
        times = f"{statistics.median(found) / statistics.median(plain):.2f} times the plain loop, {used}"
        rows.append(["training step", f"{name}, batch {BATCH}", f"{rate:,.1f} images/s", times])
    return rows


def autocast(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """The step in float16 autocast where there is a GPU; the backward pass takes the types of the forward pass."""

    def inside() -> None:
        with torch.autocast(device.type, dtype=torch.float16, enabled=device.type == "cuda"):
            step()

    return inside


def turns(step: Callable[[], None], device: torch.device) -> list[float]:
    """Steps per second, `TURNS` times."""
    for _ in range(WARM_UP):
        step()
    found = []
    for _ in range(TURNS):
        synchronise(device)
        begun = time.perf_counter()
        step()
        step()
        synchronise(device)
        found.append(2 / (time.perf_counter() - begun))
    return found


def memory(params: Params, device: torch.device) -> list[list[str]]:
    """Peak of a step by batch and with checkpointed activations, beside what `diffchest.cost` says."""
    rows = []
    for number in BATCHES[:2] if device.type == "cpu" else BATCHES:
        for checkpointing in (False, True):
            settings = changed(params, batch_size=number, activation_checkpointing=checkpointing)
            said = step_bytes(settings, number)

            def peak(settings: Params = settings) -> str:
                step = our_step(settings, device)
                step()
                if device.type != "cuda":
                    return "not measured on a CPU"
                torch.cuda.reset_peak_memory_stats()
                step()
                return f"{torch.cuda.max_memory_allocated() / 1e9:.2f} GB"

            name = f"batch {number}{', activation checkpointing' if checkpointing else ''}"
            rows.append(["memory", name, attempt(peak), f"predicted {said / 1e9:.2f} GB"])
            tidy(device)
    return rows


def drawing(params: Params, device: torch.device) -> list[list[str]]:
    """Radiographs to z, to x_T and back, and counterfactuals of one radiograph a second."""
    model = place(DiffusionAutoencoder(params.model, params.diffusion, params.images.size), device).eval()
    size, few = params.images.size, device.type == "cpu"
    pixels = np.random.default_rng(0).integers(0, 256, (4 if few else 64, size, size), dtype=np.uint8)
    rows = []

    def rate(work: Callable[[], Any], number: int) -> str:
        work()
        synchronise(device)
        begun = time.perf_counter()
        work()
        synchronise(device)
        return f"{number / (time.perf_counter() - begun):,.2f} /s"

    rows.append(
        [
            "encoding to z",
            f"{len(pixels)} radiographs",
            attempt(lambda: rate(lambda: encode_latents(model, pixels), len(pixels))),
            "",
        ]
    )
    z, targets = encode_latents(model, pixels[:1]), 2 if few else 16
    moved = np.repeat(z[:, None], targets, axis=1)
    for solver, (up, down) in STEPS.items():
        up, down = (2, 2) if few else (up, down)

        def one(solver: Any = solver, up: int = up, down: int = down) -> Any:
            code = encode_noise(model, pixels[:1], z, solver=solver, steps=up)
            return decode(model, code, moved, solver=solver, steps=down)

        rows.append(
            [
                "counterfactuals",
                f"{solver}, {up} + {down} steps, {targets} targets",
                attempt(lambda one=one: rate(one, targets)),
                "",
            ]
        )
    rows.append(["", "parameters", f"{sum(weight.numel() for weight in network(params).parameters()):,}", ""])
    return rows


def end_to_end(*, dry: bool) -> list[list[str]]:
    """`dvc repro` as it stands, or in a dry run what it would do."""
    begun = time.perf_counter()
    done = subprocess.run(
        ["dvc", "repro", *(["--dry"] if dry else [])], capture_output=True, encoding="utf-8", check=False
    )
    return [["default, end to end", f"exit status {done.returncode}", f"{time.perf_counter() - begun:.0f} s", ""]]


def attempt(work: Callable[[], Any]) -> Any:
    """What `work` returns, or in words why it failed."""
    try:
        return work()
    except RuntimeError as error:  # out of memory is one
        return f"failed: {type(error).__name__}: {str(error).splitlines()[0][:80]}"


def name_of(device: torch.device) -> str:
    """What the GPU calls itself."""
    return torch.cuda.get_device_name() if device.type == "cuda" else ""


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def tidy(device: torch.device) -> None:
    """Give memory back before the next part."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
