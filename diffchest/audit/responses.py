"""Drawing what goes with a finding: radiographs moved towards what a classifier calls so, and in random directions.

A disease-free radiograph is moved towards target A, along the classifier's own direction, and decoded; the *picture* is
scored by the classifier itself, and the change of every other finding's logit, against the reconstruction, says what it
associates with A.
"""

import sys
from collections.abc import Sequence

import numpy as np

from diffchest.compute.parts import Parts
from diffchest.contracts.classifier import Classifier
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.contracts.responses import Responses
from diffchest.counterfactuals import moves
from diffchest.counterfactuals.moves import edit_moves, in_latent_geometry, mean_length, move_latents, random_moves
from diffchest.counterfactuals.pictures import encode_latents, round_trip
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.audit import AuditDrawingParams
from diffchest.params.counterfactuals import SolverName


def respond(
    model: DiffusionAutoencoder,
    head: Head,
    image_ids: Sequence[str],
    pixels: np.ndarray,
    *,
    classifier: Classifier,
    targets: Sequence[str],
    fitted: Moves,
    solver: SolverName,
    settings: AuditDrawingParams,
    parts: Parts,
) -> Responses | None:
    """Move radiographs (uint8 [P, H, W]) towards every target and in random directions, decode them, score them.

    head, fitted: the classifier's directions (`direction.own_direction`). Returns the pictures and the logits of the
    head's findings, which are outputs of the classifier; None in all processes of `parts` but the first.
    """
    if not targets:
        return _none(image_ids, pixels, settings.random_directions)
    z = encode_latents(model, pixels)  # of all in every process: random moves have their mean length
    towards, elsewhere = moved_latents(z, head, fitted, targets, settings)
    drawn = round_trip(
        model,
        pixels,
        np.concatenate([z[:, None], towards, elsewhere], axis=1),
        solver=solver,
        encode_steps=settings.encode_steps,
        decode_steps=settings.decode_steps,
        content=[vars(head), list(targets), vars(fitted), settings.model_dump(), moves, Head, sys.modules[__name__]],
        parts=parts,
    )
    if drawn is None:
        return None
    pictures, stop = drawn["pictures"], 1 + len(targets)
    columns = [classifier.outputs.index(name) for name in head.findings]
    logits = classifier.logits(pictures.reshape(-1, *pixels.shape[1:]))[:, columns]
    logits = logits.reshape(*pictures.shape[:2], -1)
    return Responses(
        image_id=list(image_ids),
        targets=list(targets),
        findings=head.findings,
        logits_before=logits[:, 0],
        logits_after=logits[:, 1:stop],
        logits_random=logits[:, stop:],
        direct=head.logits(towards.reshape(-1, z.shape[1])).reshape(logits[:, 1:stop].shape) - head.logits(z)[:, None],
        reconstruction=pictures[:, 0],
        counterfactual=pictures[:, 1:stop],
    )


def moved_latents(
    z: np.ndarray, head: Head, fitted: Moves, targets: Sequence[str], settings: AuditDrawingParams
) -> tuple[np.ndarray, np.ndarray]:
    """Latents z [P, d] moved towards each target [P, T, d], and as far on average in random directions [P, R, d]."""
    covariance = fitted.covariance
    towards = settings.step * edit_moves(z, head, fitted, targets, edit=settings.edit)
    elsewhere = random_moves(
        settings.random_directions,
        length=mean_length(towards, covariance if in_latent_geometry(settings.edit) else np.eye(len(covariance))),
        edit=settings.edit,
        covariance=covariance,
        seed=settings.seed,
    )
    return move_latents(z, head, towards), move_latents(z, head, elsewhere[None])


def _none(image_ids: Sequence[str], pixels: np.ndarray, directions: int) -> Responses:
    """Where a classifier has no output that passed its gates there is nothing to draw."""
    number = len(pixels)
    none, pictures = np.zeros((number, 0, 0)), np.zeros((number, 0, *pixels.shape[1:]), dtype=np.uint8)
    return Responses(
        list(image_ids), [], [], np.zeros((number, 0)), none, np.zeros((number, directions, 0)), none, pixels, pictures
    )
