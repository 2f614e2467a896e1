"""What a profile costs as numbers, and as text for a terminal."""

from textwrap import wrap
from typing import Any

from diffchest.cost.counting import (
    denoising_pass,
    encoder_pass,
    network,
    parameters,
    step_bytes,
    step_bytes_by_number,
    training_pass,
)
from diffchest.cost.devices import CALL_SECONDS, CONTEXT_BYTES, GPUS, seconds
from diffchest.cost.measuring import Measured
from diffchest.cost.radiographs import radiographs
from diffchest.cost.stages import Work, build_seconds, disk, passes
from diffchest.counterfactuals.pictures import batch_size
from diffchest.params.pretraining import Precision
from diffchest.params.whole import Params
from diffchest.progress import in_words

BATCHES = (1, 2, 4, 8, 16, 32, 64)
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
DAY = 86400
COLUMNS = 100


def cost(params: Params, *, utilisation: float, findings: int, own: int | None) -> dict[str, Any]:
    """Everything that is printed, in images, FLOPs, bytes and seconds; GPUs by name."""
    settings, model, found = params.pretrain, network(params), radiographs(params, own)
    weights = {"unet": parameters(model.unet), "encoder": parameters(model.encoder)}
    taken = min(settings.micro_batch or settings.batch_size, settings.batch_size)
    step, one = training_pass(params, taken), training_pass(params, 1)
    at_once = batch_size(params.images.size)
    work = Work(one, encoder_pass(params, 1), denoising_pass(params, 1), taken, at_once)
    memory = {precision: step_bytes_by_number(params, BATCHES, precision) for precision in PRECISIONS}
    needed = step_bytes(params, taken)
    stages = passes(params, found, findings)
    gpus = {
        gpu.name: {
            "fits": needed + CONTEXT_BYTES < gpu.memory,
            "images_per_s": taken / seconds(gpu, step.flops, step.calls, settings.precision, utilisation),
            "seconds": {
                done.stage: seconds(
                    gpu,
                    work.flops(done),
                    work.calls(done),
                    settings.precision if done.trained else "fp32",
                    utilisation,
                )
                for done in stages
            },
        }
        for gpu in GPUS
    }
    return {
        "images": {"pretrain": found.pretrain, "stored": found.stored, "assumed": found.assumed},
        "parameters": weights,
        "flops": {"training_step": one.flops, "encoder": work.encode.flops, "unet": work.denoise.flops},
        "batch": {"of_a_step": settings.batch_size, "taken_at_once": taken, "bytes": needed},
        "settings": {
            "size": params.images.size,
            "precision": settings.precision,
            "activation_checkpointing": settings.activation_checkpointing,
            "images_shown": settings.images_shown,
        },
        "memory": memory,
        "disk": disk(params, found, sum(weights.values())),
        "build_lmdb_seconds": build_seconds(params, found),
        "workers": params.runtime.workers,
        "utilisation": utilisation,
        "findings": findings,
        "gpus": gpus,
    }


def text(name: str, told: dict[str, Any], measured: Measured | None = None) -> str:
    """The tables, at most 100 columns wide."""
    unet, encoder = told["parameters"].values()
    flops, batch, settings = told["flops"], told["batch"], told["settings"]
    checkpointed = ", activation checkpointing" if settings["activation_checkpointing"] else ""
    lines = [
        f"{name}: {settings['size']} px, {settings['images_shown']:,} images in steps of {batch['of_a_step']}, "
        f"{batch['taken_at_once']} at once, {settings['precision']}{checkpointed}",
        f"  parameters     U-Net {unet:,} + encoder {encoder:,} = {unet + encoder:,}",
        f"  an image       {_flops(flops['training_step'])} to train on, {_flops(flops['encoder'])} to encode, "
        f"{_flops(flops['unet'])} an evaluation of the U-Net",
        f"  radiographs    {told['images']['pretrain']:,} for pretraining, {told['images']['stored']:,} stored"
        + (f" ({told['images']['assumed']})" if told["images"]["assumed"] else ""),
        "  disk           " + ", ".join(f"{path} {_bytes(size)}" for path, size in told["disk"].items()),
        f"  build_lmdb     {in_words(told['build_lmdb_seconds'])} by {told['workers']} processes",
        f"  a step         {_bytes(batch['bytes'])} of tensors; by images at once:",
        "    " + " ".join(f"{heading:>9}" for heading in ("", *BATCHES)),
    ]
    for precision, sizes in told["memory"].items():
        lines.append("    " + " ".join(f"{cell:>9}" for cell in (precision, *map(_bytes, sizes.values()))))
    names = list(told["gpus"])
    lines += [
        f"  time on one GPU at {told['utilisation']:.0%} of its peak, {CALL_SECONDS * 1e6:.0f} us an operation or more",
        f"    {'':24}" + "".join(f"{gpu:>17}" for gpu in names),
        f"    {'a step fits':24}" + "".join(f"{_yes(told['gpus'][gpu]['fits']):>17}" for gpu in names),
        f"    {'pretraining, images/s':24}" + "".join(f"{told['gpus'][gpu]['images_per_s']:>17,.1f}" for gpu in names),
    ]
    for stage in told["gpus"][names[0]]["seconds"]:
        times = [in_words(told["gpus"][gpu]["seconds"][stage]) for gpu in names]
        lines.append(f"    {stage:24}" + "".join(f"{time:>17}" for time in times))
    days = [sum(told["gpus"][gpu]["seconds"].values()) / DAY for gpu in names]
    lines.append(f"    {'GPU-days together':24}" + "".join(f"{day:>17,.2f}" for day in days))
    lines.append(f"  supposed: {told['findings']} judged findings, encoding and drawing in TF32 (docs/cost.md)")
    lines += _measured(told, measured) if measured else []
    return "\n".join(part for line in lines for part in _wrapped(line))


def _measured(told: dict[str, Any], measured: Measured) -> list[str]:
    rate, alone = measured.median(measured.measured), measured.median(measured.predicted)
    shown = told["settings"]["images_shown"]
    clock = "processor time" if measured.threads == 1 else "wall time"
    parts = ", ".join(f"{kind} {seconds * 1e3:,.1f}" for kind, seconds in measured.kinds.items())
    return [
        f"  this machine, {measured.threads} thread(s), {measured.images} images at once, {clock}, "
        f"{len(measured.measured)} turns:",
        f"    measured {rate:,.3g} images/s, predicted {alone:,.3g}: {measured.ratio - 1:+.0%}; pretraining "
        f"{in_words(shown / rate)}",
        f"    predicted ms a step: {parts}",
    ]


def _wrapped(line: str) -> list[str]:
    return wrap(line, COLUMNS, subsequent_indent=" " * 17) if len(line) > COLUMNS else [line]


def _flops(number: float) -> str:
    return f"{number / 1e12:,.2f} TFLOP" if number >= 1e12 else f"{number / 1e9:,.2f} GFLOP"


def _bytes(number: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number / 1e3:.3g} kB"


def _yes(fits: bool) -> str:
    return "yes" if fits else "no"
