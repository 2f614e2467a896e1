"""The confounder audit: which other findings appear in a radiograph that is moved towards a finding.

A disease-free radiograph is moved towards target A and decoded; the *picture* is encoded again, and the change of every
other finding's logit, against the re-encoded reconstruction, says what the classifier associates with A.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from diffchest.compute.processes import ALONE, Processes
from diffchest.contracts.head import Head
from diffchest.counterfactuals.moves import edit_moves, latent_covariance, move_latents, random_moves, target_rows
from diffchest.counterfactuals.pictures import draw, encode_latents
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.audit import ConfoundersParams
from diffchest.params.counterfactuals import SolverName


@dataclass(frozen=True)
class Responses:
    """Logits of F findings in pictures that were decoded and encoded again.

    reconstruction [P, F]: nothing moved; moved [P, T, F]: moved towards each target; random [P, R, F]: moved as far in
    each of R random directions. `targets` [T] and `findings` [F] are names, the targets among the findings.
    """

    targets: list[str]
    findings: list[str]
    reconstruction: np.ndarray
    moved: np.ndarray
    random: np.ndarray


def respond(
    model: DiffusionAutoencoder,
    head: Head,
    pixels: np.ndarray,
    *,
    targets: Sequence[str],
    findings: Sequence[str],
    finetune: np.ndarray,
    solver: SolverName,
    settings: ConfoundersParams,
    runs: Path,
    processes: Processes = ALONE,
) -> tuple[Responses, np.ndarray, np.ndarray] | None:
    """Move radiographs (uint8 [P, H, W]) towards every target and in random directions, decode and encode again.

    finetune: latents of the fine-tuning radiographs, unnormalised [N, d]; runs, processes: see `pictures.draw`.
    Returns the logits, the reconstructions [P, H, W] and the pictures moved towards each target [P, T, H, W], both
    uint8; None in all processes but the first.
    """
    z = encode_latents(model, pixels)  # of all in every process: random moves have their mean length
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
    moved = [move_latents(z, head, moves) for moves in (towards, elsewhere[None])]
    drawn = draw(
        model,
        pixels,
        np.concatenate([z[:, None], *moved], axis=1),
        solver=solver,
        encode_steps=settings.encode_steps,
        decode_steps=settings.decode_steps,
        content=[vars(head), list(targets), finetune, settings.model_dump()],
        runs=runs,
        processes=processes,
    )
    if drawn is None:
        return None
    pictures = drawn["pictures"]
    rows = target_rows(head, findings)
    logits = head.logits(drawn["z"].reshape(-1, z.shape[1]))[:, rows].reshape(*pictures.shape[:2], len(rows))
    stop = 1 + len(targets)
    responses = Responses(list(targets), list(findings), logits[:, 0], logits[:, 1:stop], logits[:, stop:])
    return responses, pictures[:, 0], pictures[:, 1:stop]


def typical_difference(finetune: np.ndarray, head: Head, targets: Sequence[str]) -> np.ndarray:
    """How radiographs that the head calls each target differ from the others, in the head's standardised space: [T, d].

    The difference of two means over the fine-tuning latents (unnormalised [N, d]): one weighted by the head's
    probability p of the target, one by 1 - p. No label is used. It equals Cov(z, p) / (m (1 - m)), with m the mean of
    p: the activation pattern of the head's output (Haufe et al. 2014), in the unit "from not A to A".
    """
    rows = target_rows(head, targets)
    z = ((finetune - head.mean) / head.sd).astype(np.float64)
    called = expit(head.logits(finetune)[:, rows].astype(np.float64))
    others = 1.0 - called
    return (called.T @ z) / called.sum(axis=0)[:, None] - (others.T @ z) / others.sum(axis=0)[:, None]


def _mean_length(moves: np.ndarray, covariance: np.ndarray) -> float:
    """Mean Mahalanobis length of moves [1 or P, T, d]."""
    precision = np.linalg.pinv(covariance, hermitian=True)
    return float(np.sqrt(np.einsum("ptd,de,pte->pt", moves, precision, moves)).mean())


def save_examples(
    path: Path, image_ids: list[str], responses: Responses, reconstruction: np.ndarray, moved: np.ndarray
) -> None:
    """Write the first pictures of the audit, with what the head says of them, for its figure.

    image_id [K], targets [T], findings [F]; uint8 pictures reconstruction and counterfactual [T, K, H, W]; the head's
    probabilities before [K, F] of the reconstructions and after [T, K, F] of the counterfactuals. reconstruction
    [P, H, W] and moved [P, T, H, W] as `respond` returns them; the K `image_ids` are their first.
    """
    kept = len(image_ids)
    counterfactual = np.swapaxes(moved[:kept], 0, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        image_id=np.array(image_ids, dtype=str),
        targets=np.array(responses.targets, dtype=str),
        findings=np.array(responses.findings, dtype=str),
        reconstruction=np.broadcast_to(reconstruction[:kept], counterfactual.shape),
        counterfactual=counterfactual,
        before=expit(responses.reconstruction[:kept]),
        after=expit(np.swapaxes(responses.moved[:kept], 0, 1)),
    )
