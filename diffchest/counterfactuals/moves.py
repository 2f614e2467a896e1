"""Counterfactual radiographs: move the semantic latent z towards a finding and decode (DiffChest eq. 4 and 5)."""

import difflib
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.special import logit

from diffchest.contracts.head import Head
from diffchest.errors import DataError
from diffchest.params.counterfactuals import ExplainParams

Edit = Literal["plausible", "eq4", "eq5", "unit"]
Towards = Literal["presence", "absence"]


class CounterfactualError(DataError):
    """A counterfactual cannot be made from this head, autoencoder and target."""


def target_rows(head: Head, targets: Sequence[str]) -> np.ndarray:
    """Rows of `head` for `targets`, int64 [T]; `CounterfactualError` for one that it does not know or never fitted."""
    position = {finding: row for row, finding in enumerate(head.findings)}
    for target in targets:
        if target not in position:
            near = difflib.get_close_matches(target, head.findings, n=5, cutoff=0.5)
            hint = f"near names: {', '.join(near)}" if near else f"it knows {', '.join(head.findings[:10])}, ..."
            raise CounterfactualError(f"explain.targets: the head has no finding {target!r}; {hint}")
        if not np.isfinite(head.weight[position[target]]).all():
            raise CounterfactualError(
                f"explain.targets: the head could not be fitted for {target!r} (only one class among the fine-tuning "
                "radiographs); leave it out"
            )
    return np.array([position[target] for target in targets], dtype=np.int64)


def fitted_targets(head: Head, targets: Sequence[str]) -> list[str]:
    """Those of `targets` that the head could be fitted for: a small fine-tuning set may lack a rare finding.

    Raises `CounterfactualError` for a name that the head does not know, and where none is left.
    """
    unfitted = {name for name, row in zip(head.findings, head.weight, strict=True) if not np.isfinite(row).all()}
    kept = [target for target in targets if target not in unfitted]
    if not kept:
        raise CounterfactualError(
            f"explain.targets: the head could be fitted for none of {list(targets)} (only one class among the "
            "fine-tuning radiographs); raise probe.fraction or name other targets"
        )
    target_rows(head, kept)
    return kept


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
    rows = target_rows(head, targets)
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
    raise CounterfactualError(f"explain.edit: expected plausible, eq4, eq5 or unit, found {edit!r}")


def steps_to_probability(
    z: np.ndarray, head: Head, targets: Sequence[str], moves: np.ndarray, *, probability: float
) -> np.ndarray:
    """The smallest steps along `moves` (as `edit_moves` gives them) after which the head says `probability`: [N, T].

    The logit is linear in z, so the step is (logit(p) - logit(z)) / (w . move). 0 where the score is there already, or
    beyond.
    """
    rows = target_rows(head, targets)
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


def logit_spread(head: Head, findings: Sequence[str], covariance: np.ndarray) -> np.ndarray:
    """Standard deviation [F] of the logits of `findings` where standardised latents have this `covariance`."""
    weight = head.weight[target_rows(head, findings)].astype(np.float64)
    return np.sqrt(np.sum(weight @ covariance * weight, axis=1))


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
