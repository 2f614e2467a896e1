"""Counterfactual radiographs: move the semantic latent z towards a finding and decode (DiffChest eq. 4 and 5)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import logit

from diffchest.contracts.head import Head
from diffchest.errors import DataError
from diffchest.params.counterfactuals import Edit, ExplainParams, Towards


def latent_covariance(z: np.ndarray, head: Head) -> np.ndarray:
    """Covariance [d, d] of latents z [N, d] in the head's standardised space."""
    return np.atleast_2d(np.cov((z - head.mean) / head.sd, rowvar=False))


def edit_moves(
    z: np.ndarray,
    head: Head,
    targets: Sequence[str],
    *,
    edit: Edit,
    covariance: np.ndarray,
    towards: Towards = "presence",
) -> np.ndarray:
    """Moves of step 1 towards the presence (or absence) of each target, in the space that the head standardises to.

    With w and b the head's row for the target, S the `covariance` there of the fine-tuning latents, and y = 1 for
    presence or 0 for absence:

    * `plausible`: +- S w / sqrt(w S w). A step changes the logit by as many of its standard deviations, by the shortest
      way in Mahalanobis distance: to the most likely of all latents with that logit.
    * `eq4`: (y - sigmoid(w z + b)) w (DiffChest eq. 4)
    * `eq5`: w towards presence, -w towards absence (DiffChest eq. 5)
    * `unit`: +- sqrt(d) w / |w|, so a step of 1 is one standard deviation per dimension (the authors' code)

    z: unnormalised [N, d]. Returns float64 [N, T, d] for `eq4` and [1, T, d] for the others.
    """
    rows = head.rows(targets)
    weight = head.weight[rows].astype(np.float64)
    sign = 1.0 if towards == "presence" else -1.0
    if edit == "plausible":
        pattern = weight @ covariance
        return sign * (pattern / np.sqrt(np.sum(pattern * weight, axis=1, keepdims=True)))[None]
    if edit == "eq4":
        wanted = float(towards == "presence")
        return (wanted - head.probabilities(z)[:, rows])[:, :, None] * weight
    if edit == "eq5":
        return sign * weight[None]
    if edit == "unit":
        return sign * np.sqrt(weight.shape[1]) * (weight / np.linalg.norm(weight, axis=1, keepdims=True))[None]
    raise DataError(f"edit: expected plausible, eq4, eq5 or unit, found {edit!r}")


def steps_to_probability(
    z: np.ndarray, head: Head, targets: Sequence[str], moves: np.ndarray, *, probability: float
) -> np.ndarray:
    """The smallest steps along `moves` (as `edit_moves` gives them) after which the head says `probability`: [N, T].

    The logit is linear in z, so the step is (logit(p) - logit(z)) / (w . move). 0 where the score is there already, or
    beyond.
    """
    rows = head.rows(targets)
    gain = np.einsum("ntd,td->nt", moves, head.weight[rows].astype(np.float64))  # of the logit, per step
    missing = logit(probability) - head.logits(z)[:, rows].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):  # no gain: eq4 of a score that is there already
        return np.nan_to_num(np.maximum(missing / gain, 0.0), nan=0.0, posinf=0.0)


def edit_latents(
    z: np.ndarray, head: Head, targets: Sequence[str], settings: ExplainParams, *, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Move each latent towards (or away from) each target as the `explain` section says.

    z: unnormalised [N, d]; covariance: see `edit_moves`. Returns the moved latents, unnormalised float32 [N, T, d], and
    the steps [N, T]: `settings.step`, or what takes the score to `settings.to_probability`.
    """
    moves = edit_moves(z, head, targets, edit=settings.edit, covariance=covariance, towards=settings.towards)
    steps = np.full((len(z), len(targets)), settings.step)
    if settings.to_probability is not None:
        steps = steps_to_probability(z, head, targets, moves, probability=settings.to_probability)
    return move_latents(z, head, steps[:, :, None] * moves), steps


def logit_spread(head: Head, covariance: np.ndarray) -> pd.Series:
    """Standard deviation of the logit of every fitted finding where standardised latents have this `covariance`."""
    weight = head.weight[head.rows(head.fitted)].astype(np.float64)
    return pd.Series(np.sqrt(np.sum(weight @ covariance * weight, axis=1)), index=head.fitted)


def random_moves(number: int, *, length: float, edit: Edit, covariance: np.ndarray, seed: int) -> np.ndarray:
    """Moves of one length in random directions of the standardised space: [number, d].

    Length and direction are those of the edit's own geometry: Mahalanobis distance for `plausible`, so that a random
    move is as likely as the edit, Euclidean distance for the others.
    """
    direction = np.random.default_rng(seed).standard_normal((number, len(covariance)))
    moves = length * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    if edit != "plausible":
        return moves
    variance, axes = np.linalg.eigh(covariance)
    return (moves * np.sqrt(np.maximum(variance, 0.0))) @ axes.T


def move_latents(z: np.ndarray, head: Head, move: np.ndarray) -> np.ndarray:
    """Add moves given in the head's standardised space, [1 or N, T, d], to unnormalised z [N, d]; float32 [N, T, d]."""
    return (z[:, None, :] + move * head.sd).astype(np.float32)
