"""Drawing the confounder audit: radiographs moved towards findings and in random directions, and what the head says.

A disease-free radiograph is moved towards target A and decoded; the *picture* is encoded again, and the change of every
other finding's logit, against the re-encoded reconstruction, says what the classifier associates with A.
"""

import sys
from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from diffchest.compute.parts import Parts
from diffchest.contracts.head import Head
from diffchest.contracts.responses import Responses
from diffchest.counterfactuals import moves
from diffchest.counterfactuals.moves import edit_moves, latent_covariance, move_latents, random_moves
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
    finetune: np.ndarray,
    solver: SolverName,
    settings: AuditDrawingParams,
    parts: Parts,
) -> Responses | None:
    """Move radiographs (uint8 [P, H, W]) towards every target and in random directions, decode and encode again.

    finetune: latents of the fine-tuning radiographs, unnormalised [N, d]. Returns the pictures and the logits of all
    findings that the head was fitted for; None in all processes of `parts` but the first.
    """
    z = encode_latents(model, pixels)  # of all in every process: random moves have their mean length
    drawn = round_trip(
        model,
        pixels,
        np.concatenate([z[:, None], *moved_latents(z, head, targets, finetune, settings)], axis=1),
        solver=solver,
        encode_steps=settings.encode_steps,
        decode_steps=settings.decode_steps,
        content=[vars(head), list(targets), finetune, settings.model_dump(), moves, Head, sys.modules[__name__]],
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
    z: np.ndarray, head: Head, targets: Sequence[str], finetune: np.ndarray, settings: AuditDrawingParams
) -> tuple[np.ndarray, np.ndarray]:
    """Latents z [P, d] moved towards each target [P, T, d], and as far on average in random directions [P, R, d]."""
    covariance = latent_covariance(finetune, head)
    if settings.edit == "typical":
        geometry = "plausible"  # the latents' own: Mahalanobis
        towards = settings.step * typical_difference(finetune, head, targets)[None]
    else:
        geometry = settings.edit
        towards = settings.step * edit_moves(z, head, targets, edit=geometry, covariance=covariance)
    elsewhere = random_moves(
        settings.random_directions,
        length=_mean_length(towards, covariance if geometry == "plausible" else np.eye(len(covariance))),
        edit=geometry,
        covariance=covariance,
        seed=settings.seed,
    )
    return move_latents(z, head, towards), move_latents(z, head, elsewhere[None])


def typical_difference(finetune: np.ndarray, head: Head, targets: Sequence[str]) -> np.ndarray:
    """How radiographs that the head calls each target differ from the others, in the head's standardised space: [T, d].

    The difference of two means over the fine-tuning latents (unnormalised [N, d]): one weighted by the head's
    probability p of the target, one by 1 - p. No label is used. It equals Cov(z, p) / (m (1 - m)), with m the mean of
    p: the activation pattern of the head's output (Haufe et al. 2014), in the unit "from not A to A".
    """
    rows = head.rows(targets)
    z = ((finetune - head.mean) / head.sd).astype(np.float64)
    called = expit(head.logits(finetune)[:, rows].astype(np.float64))
    others = 1.0 - called
    return (called.T @ z) / called.sum(axis=0)[:, None] - (others.T @ z) / others.sum(axis=0)[:, None]


def _mean_length(moves: np.ndarray, covariance: np.ndarray) -> float:
    """Mean Mahalanobis length of moves [1 or P, T, d]."""
    precision = np.linalg.pinv(covariance, hermitian=True)
    return float(np.sqrt(np.einsum("ptd,de,pte->pt", moves, precision, moves)).mean())
