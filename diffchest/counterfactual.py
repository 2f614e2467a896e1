"""Counterfactual radiographs: move the semantic latent z towards a finding and decode (DiffChest eq. 4 and 5)."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from scipy.special import logit

from diffchest.diffusion import SOLVERS
from diffchest.errors import DataError
from diffchest.head import Head
from diffchest.images import from_model_range, to_model_range
from diffchest.latents import Latents
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params import ExplainParams, SolverName
from diffchest.parts import Arrays, in_parts
from diffchest.processes import ALONE, Processes
from diffchest.progress import progress

Edit = Literal["plausible", "eq4", "eq5", "unit"]
Towards = Literal["presence", "absence"]

BATCH_PIXELS = 2**19  # pixels of the radiographs in one batch: 227 of 48 x 48, 8 of 256 x 256


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


def check_same_model(model: DiffusionAutoencoder, head: Head, latents: Latents) -> None:
    """Raise `CounterfactualError` unless `latents` are of this autoencoder and `head` was fitted on such latents."""
    if head.weight.shape[1] != model.latent_dim:
        raise CounterfactualError(
            f"the head expects z of {head.weight.shape[1]} dimensions, the autoencoder makes {model.latent_dim}; "
            "run extract_latents and fit_head again"
        )
    for name, sha256 in (
        ("head was fitted on the latents", head.model_sha256),
        ("latents are those", latents.model_sha256),
    ):
        if sha256 != model.sha256:
            raise CounterfactualError(
                f"the {name} of autoencoder {sha256[:12]}, this one is {model.sha256[:12]}; "
                "run extract_latents and fit_head again"
            )


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


@torch.inference_mode()
def encode_latents(model: DiffusionAutoencoder, pixels: np.ndarray) -> np.ndarray:
    """Semantic latents of uint8 radiographs [N, H, W]: unnormalised float32 [N, d]."""
    batches = _batches(len(pixels), pixels.shape[-1])
    return np.concatenate([model.encode(_to_tensor(model, pixels[chosen])).cpu().numpy() for chosen in batches])


@torch.inference_mode()
def encode_noise(
    model: DiffusionAutoencoder, pixels: np.ndarray, z: np.ndarray, *, solver: SolverName, steps: int
) -> np.ndarray:
    """Noise maps x_T of uint8 radiographs [N, H, W], where `solver` ends given their latents z [N, d].

    Returns float32 [N, C, H, W].
    """
    x_end = []
    with progress([], total=len(pixels), desc="encode to x_T") as bar:
        for chosen in _batches(len(pixels), pixels.shape[-1]):
            images, latent = _to_tensor(model, pixels[chosen]), torch.from_numpy(z[chosen]).to(model.device)
            x_T = SOLVERS[solver].encode(model, images, latent, schedule=model.schedule, steps=steps)
            x_end.append(x_T.cpu().numpy())
            bar.update(len(images))
    return np.concatenate(x_end)


@torch.inference_mode()
def decode(
    model: DiffusionAutoencoder, x_end: np.ndarray, z: np.ndarray, *, solver: SolverName, steps: int
) -> np.ndarray:
    """Radiographs that start from the noise map of each image and follow each of its latents.

    x_end: x_T [N, C, H, W]; z: unnormalised [N, T, d]. All N x T pairs are decoded in common batches.
    Returns uint8 [N, T, H, W].
    """
    images, targets = z.shape[:2]
    source = np.repeat(np.arange(images), targets)
    flat = z.reshape(images * targets, -1)
    pictures = []
    with progress([], total=len(flat), desc="decode") as bar:
        for chosen in _batches(len(flat), x_end.shape[-1]):
            noise = torch.from_numpy(x_end[source[chosen]]).to(model.device)
            latent = torch.from_numpy(flat[chosen]).to(model.device)
            decoded = SOLVERS[solver].decode(model, noise, latent, schedule=model.schedule, steps=steps)
            pictures.append(from_model_range(decoded.cpu().numpy()))
            bar.update(len(latent))
    stacked = np.concatenate(pictures)
    return stacked.reshape(images, targets, *stacked.shape[1:])


def draw(
    model: DiffusionAutoencoder,
    pixels: np.ndarray,
    latents: np.ndarray,
    *,
    solver: SolverName,
    encode_steps: int,
    decode_steps: int,
    content: Any,
    runs: Path,
    processes: Processes = ALONE,
) -> Arrays | None:
    """Encode radiographs to their noise maps, decode each with every one of its latents, and encode the pictures again.

    pixels: uint8 [N, H, W]; latents: unnormalised float32 [N, T, d], a radiograph's own z first. Parts of as many
    radiographs as one batch holds are dealt out to the processes and kept in `runs` (see `in_parts`); `content` is
    what determined `latents` besides the model and the pixels. Returns None in all processes but the first, there
    `x_T` float16 [N, H, W] (the first channel), `pictures` uint8 [N, T, H, W], and their latents `z` [N, T, d].
    """

    def draw_part(chosen: slice) -> Arrays:
        x_end = encode_noise(model, pixels[chosen], latents[chosen, 0], solver=solver, steps=encode_steps)
        pictures = decode(model, x_end, latents[chosen], solver=solver, steps=decode_steps)
        z = encode_latents(model, pictures.reshape(-1, *pixels.shape[1:])).reshape(latents[chosen].shape)
        return {"x_T": x_end[:, 0].astype(np.float16), "pictures": pictures, "z": z}

    return in_parts(
        draw_part,
        len(pixels),
        size=_batch_size(pixels.shape[-1]),
        content=[model.sha256, pixels, solver, encode_steps, decode_steps, content],
        runs=runs,
        desc="draw",
        processes=processes,
    )


def newly_clipped(picture: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Fraction of pixels that are 0 or 255 in `picture` but not in `reconstruction` (both uint8 [..., H, W]).

    Large values mean that the step drove the decoder out of the range it can draw.
    """
    saturated = np.isin(picture, (0, 255)) & ~np.isin(reconstruction, (0, 255))
    return saturated.mean(axis=(-2, -1))


def _batch_size(size: int) -> int:
    """How many radiographs of `size` x `size` pixels one batch may hold."""
    return max(1, BATCH_PIXELS // size**2)


def _batches(images: int, size: int) -> list[slice]:
    length = _batch_size(size)
    return [slice(start, start + length) for start in range(0, images, length)]


def _to_tensor(model: DiffusionAutoencoder, pixels: np.ndarray) -> torch.Tensor:
    """uint8 radiographs [N, H, W] as the model takes them: [N, C, H, W] in [-1, 1] on its device."""
    return model.prepare(torch.from_numpy(to_model_range(pixels)).to(model.device))
