"""Counterfactual radiographs: move the semantic latent z towards a finding (DiffChest eq. 4 and 5, and ours)."""

from collections.abc import Sequence

import numpy as np
from scipy.special import logit

from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.errors import DataError
from diffchest.params.counterfactuals import Edit, MoveParams, Towards


def edit_moves(
    z: np.ndarray, head: Head, moves: Moves, targets: Sequence[str], *, edit: Edit, towards: Towards = "presence"
) -> np.ndarray:
    """Moves of step 1 towards the presence (or absence) of each target, in the space that the head standardises to.

    With w and b the head's row for the target, S the covariance there of the fine-tuning latents, and y = 1 for
    presence or 0 for absence:

    * `alone`: what the finding adds while all others are held, from without to with it (`counterfactuals.alone`), in
      its most frequent way; towards absence in the way that the radiograph shows most
    * `typical`: how radiographs that the head calls the finding differ from the others: with what goes with it
    * `plausible`: +- S w / sqrt(w S w). A step changes the logit by as many of its standard deviations, by the shortest
      way in Mahalanobis distance: to the most likely of all latents with that logit.
    * `eq4`: (y - sigmoid(w z + b)) w (DiffChest eq. 4)
    * `eq5`: w towards presence, -w towards absence (DiffChest eq. 5)
    * `unit`: +- sqrt(d) w / |w|, so a step of 1 is one standard deviation per dimension (the authors' code)

    z: unnormalised [N, d]. Returns float64 [N, T, d] for `eq4` and `alone` towards absence, [1, T, d] for the others.
    """
    rows, fitted = head.rows(targets), moves.rows(targets)
    weight = head.weight[rows].astype(np.float64)
    sign = 1.0 if towards == "presence" else -1.0
    if edit == "alone":
        alone = moves.alone[fitted]
        for target, known in zip(targets, np.isfinite(alone[:, 0, 0]), strict=True):
            if not known:
                raise DataError(
                    f"{target!r} has no move `alone`, since whatever is added removes it; set `edit: typical` or "
                    "take it out of the targets"
                )
        return alone[None, :, 0] if towards == "presence" else -_shown(z, head, moves, alone)
    if edit == "typical":
        return sign * moves.typical[fitted][None]
    if edit == "plausible":
        pattern = weight @ moves.covariance
        return sign * (pattern / np.sqrt(np.sum(pattern * weight, axis=1, keepdims=True)))[None]
    if edit == "eq4":
        wanted = float(towards == "presence")
        return (wanted - head.probabilities(z)[:, rows])[:, :, None] * weight
    if edit == "eq5":
        return sign * weight[None]
    return sign * np.sqrt(weight.shape[1]) * (weight / np.linalg.norm(weight, axis=1, keepdims=True))[None]


def _shown(z: np.ndarray, head: Head, moves: Moves, alone: np.ndarray) -> np.ndarray:
    """The way in which each radiograph shows each finding, out of `alone` [T, W, d]: [N, T, d].

    The likeliest under one covariance S: that with the largest m S^-1 (z - m / 2) (Fisher's discriminant).
    """
    standard = ((z - head.mean) / head.sd).astype(np.float64)
    known = np.nan_to_num(alone)
    precise = known @ np.linalg.pinv(moves.covariance, hermitian=True)
    score = np.einsum("twd,nd->ntw", precise, standard) - 0.5 * np.sum(precise * known, axis=2)
    score = np.where(np.isnan(alone[..., 0]), -np.inf, score)
    return known[np.arange(len(alone)), score.argmax(axis=2)]


def steps_to_probability(
    z: np.ndarray, head: Head, targets: Sequence[str], directions: np.ndarray, *, probability: float
) -> np.ndarray:
    """The smallest steps along `directions` (of `edit_moves`) after which the head says `probability`: [N, T].

    The logit is linear in z, so the step is (logit(p) - logit(z)) / (w . move). 0 where the score is there already, or
    beyond.
    """
    rows = head.rows(targets)
    gain = np.einsum("ntd,td->nt", directions, head.weight[rows].astype(np.float64))  # of the logit, per step
    missing = logit(probability) - head.logits(z)[:, rows].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):  # no gain: eq4 of a score that is there already
        return np.nan_to_num(np.maximum(missing / gain, 0.0), nan=0.0, posinf=0.0)


def edit_latents(
    z: np.ndarray, head: Head, moves: Moves, targets: Sequence[str], settings: MoveParams
) -> tuple[np.ndarray, np.ndarray]:
    """Move each latent towards (or away from) each target as `settings` say.

    z: unnormalised [N, d]. Returns the moved latents, unnormalised float32 [N, T, d], and the steps [N, T]:
    `settings.step`, or what takes the score to `settings.to_probability`.
    """
    directions = edit_moves(z, head, moves, targets, edit=settings.edit, towards=settings.towards)
    steps = np.full((len(z), len(targets)), settings.step)
    if settings.to_probability is not None:
        steps = steps_to_probability(z, head, targets, directions, probability=settings.to_probability)
    return move_latents(z, head, steps[:, :, None] * directions), steps


def random_moves(number: int, *, length: float, edit: Edit, covariance: np.ndarray, seed: int) -> np.ndarray:
    """Moves of one length in random directions of the standardised space: [number, d].

    Length and direction are those of the edit's own geometry, see `in_latent_geometry`.
    """
    direction = np.random.default_rng(seed).standard_normal((number, len(covariance)))
    moves = length * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    if not in_latent_geometry(edit):
        return moves
    variance, axes = np.linalg.eigh(covariance)
    return (moves * np.sqrt(np.maximum(variance, 0.0))) @ axes.T


def mean_length(moves: np.ndarray, covariance: np.ndarray) -> float:
    """Mean Mahalanobis length of moves [1 or P, T, d]."""
    precision = np.linalg.pinv(covariance, hermitian=True)
    return float(np.sqrt(np.einsum("ptd,de,pte->pt", moves, precision, moves, optimize=True)).mean())


def in_latent_geometry(edit: Edit) -> bool:
    """Whether an edit follows the latents: lengths are Mahalanobis distances, so that random moves are as likely.

    Those of the paper follow the weights, and lengths are Euclidean.
    """
    return edit in ("alone", "typical", "plausible")


def move_latents(z: np.ndarray, head: Head, move: np.ndarray) -> np.ndarray:
    """Add moves given in the head's standardised space, [1 or N, T, d], to unnormalised z [N, d]; float32 [N, T, d]."""
    return (z[:, None, :] + move * head.sd).astype(np.float32)
