"""What the long stages of a profile do: passes of the networks, and bytes on disk."""

import math
from dataclasses import dataclass

from diffchest.cost.counting import GRADIENT_BYTES, STATE_BYTES, Counted
from diffchest.cost.radiographs import Radiographs
from diffchest.findings.vocabulary import DRAWN
from diffchest.params.whole import Params
from diffchest.pretraining.checkpoints import KEPT
from diffchest.pretraining.validation import DDIM_STEPS, MOST, PICTURES

ENCODED_AGAIN = 1  # a picture is encoded once more than it is corrected
PICTURE_PASSES = PICTURES * 3 * DDIM_STEPS  # of the pictures at a checkpoint: encoded, decoded, and drawn anew
CODEC_BYTES = {"raw": 1.0, "png": 0.6, "jpeg": 0.15}  # a pixel; png and jpeg: about, for radiographs
# radiographs a second and worker that `build_lmdb` stores (docs/results/speed.md): of 2048 px, and small ones
DECODED, DECODED_SMALL = 60.0, 900.0


@dataclass(frozen=True)
class Passes:
    """Of one stage: images through a training step, through the encoder, and through the U-Net alone."""

    stage: str
    trained: float = 0
    encoded: float = 0
    denoised: float = 0


def passes(params: Params, found: Radiographs, findings: int) -> list[Passes]:
    """The long stages. findings: how many the head is judged for, which only the labels know."""
    pretrain, explain, audit = params.pretrain, params.explain, params.confounders
    checkpoints = pretrain.images_shown / pretrain.checkpoint_every
    judged = min(MOST, found.pretrain * pretrain.validation_fraction)
    visible = min(findings, len(DRAWN)) if params.phantom.datasets else findings
    targets = max(visible, len(explain.targets)) if params.phantom.datasets else len(explain.targets)
    edits = explain.radiographs * (1 + targets) + explain.both_ways * (1 + targets) * 3
    edits += explain.patients * (1 + len(explain.targets)) + (1 + visible) + 7 * len(explain.targets)
    moved = params.interventions.radiographs * (2 + visible + params.interventions.random_directions)
    through = explain.encode_steps + explain.decode_steps
    if explain.picture == "decode":
        each = explain.decode_steps
        once = explain.encode_steps
    else:
        each, once = explain.noise_draws, 0
    radiographs = explain.radiographs + explain.both_ways * targets
    again = explain.corrections + ENCODED_AGAIN
    responses = audit.images * (1 + findings + audit.random_directions)
    drawn = audit.images * audit.encode_steps + responses * audit.decode_steps
    reconstructed = explain.reconstructions * (through + explain.decode_steps)
    return [
        Passes("pretrain", pretrain.images_shown, checkpoints * judged, checkpoints * (judged + PICTURE_PASSES)),
        Passes("extract_latents", encoded=found.stored),
        Passes("draw_explanations", 0, edits * again, edits * each + radiographs * once + reconstructed),
        Passes("draw_interventions", 0, moved * again, moved * each + params.interventions.radiographs * once * 2),
        *(Passes(f"draw_audit {name}", 0, responses, drawn) for name in params.classifiers.sections),
    ]


@dataclass(frozen=True)
class Work:
    """What one image costs in each pass; calls are those of a batch of `batch` images."""

    step: Counted
    encode: Counted
    denoise: Counted
    batch: int
    drawn_at_once: int

    def flops(self, done: Passes) -> float:
        """FLOPs of a stage."""
        steps = done.trained * self.step.flops + done.encoded * self.encode.flops
        return steps + done.denoised * self.denoise.flops

    def calls(self, done: Passes) -> float:
        """Operations that a stage starts."""
        inference = done.encoded * self.encode.calls + done.denoised * self.denoise.calls
        return math.ceil(done.trained / self.batch) * self.step.calls + inference / self.drawn_at_once


def disk(params: Params, found: Radiographs, weights: int) -> dict[str, float]:
    """Bytes of what stays: the store, the checkpoints of pretraining and the model."""
    state = STATE_BYTES * weights
    return {
        "data/images.lmdb": found.stored * params.images.size**2 * CODEC_BYTES[params.images.codec],
        "runs/pretrain": KEPT * state,
        "models/diffchest.safetensors": GRADIENT_BYTES * weights,
        "data/latents.npz": 4.0 * found.stored * params.model.latent_dim,
    }


def build_seconds(params: Params, found: Radiographs) -> float:
    """What `build_lmdb` takes by `runtime.workers` processes."""
    return found.stored / ((DECODED_SMALL if params.phantom.datasets else DECODED) * params.runtime.workers)
