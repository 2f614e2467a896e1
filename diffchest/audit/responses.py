"""Drawing the confounder audit: radiographs moved towards findings and in random directions, and what the head says.

A disease-free radiograph is moved towards target A and decoded; the *picture* is encoded again, and the change of every
other finding's logit, against the re-encoded reconstruction, says what the classifier associates with A.
"""

import sys
from collections.abc import Sequence

import numpy as np

from diffchest.compute.parts import Parts
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.contracts.responses import Responses
from diffchest.counterfactuals import moves
from diffchest.counterfactuals.moves import edit_moves, in_latent_geometry, move_latents, random_moves
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
    targets: Sequence[str],
    fitted: Moves,
    solver: SolverName,
    settings: AuditDrawingParams,
    parts: Parts,
) -> Responses | None:
    """Move radiographs (uint8 [P, H, W]) towards every target and in random directions, decode and encode again.

    Returns the pictures and the logits of all findings that the head was fitted for; None in all processes of `parts`
    but the first.
    """
    z = encode_latents(model, pixels)  # of all in every process: random moves have their mean length
    drawn = round_trip(
        model,
        pixels,
        np.concatenate([z[:, None], *moved_latents(z, head, fitted, targets, settings)], axis=1),
        solver=solver,
        encode_steps=settings.encode_steps,
        decode_steps=settings.decode_steps,
        content=[vars(head), list(targets), vars(fitted), settings.model_dump(), moves, Head, sys.modules[__name__]],
        parts=parts,
    )
    if drawn is None:
        return None
    pictures, stop = drawn["pictures"], 1 + len(targets)
    logits = head.logits(drawn["z"].reshape(-1, z.shape[1]))[:, head.rows(head.fitted)]
    logits = logits.reshape(*pictures.shape[:2], -1)
    return Responses(
        image_id=list(image_ids),
        targets=list(targets),
        findings=head.fitted,
        logits_before=logits[:, 0],
        logits_after=logits[:, 1:stop],
        logits_random=logits[:, stop:],
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
        length=_mean_length(towards, covariance if in_latent_geometry(settings.edit) else np.eye(len(covariance))),
        edit=settings.edit,
        covariance=covariance,
        seed=settings.seed,
    )
    return move_latents(z, head, towards), move_latents(z, head, elsewhere[None])


def _mean_length(moves: np.ndarray, covariance: np.ndarray) -> float:
    """Mean Mahalanobis length of moves [1 or P, T, d]."""
    precision = np.linalg.pinv(covariance, hermitian=True)
    return float(np.sqrt(np.einsum("ptd,de,pte->pt", moves, precision, moves)).mean())
