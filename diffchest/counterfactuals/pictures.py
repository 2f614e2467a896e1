"""Pictures of moved latents: radiographs encoded to x_T, decoded with other z, and encoded again."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from diffchest.compute.parts import Arrays, Parts
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.diffusion import ddim, dpm_solver, schedule, solvers
from diffchest.diffusion.solvers import SOLVERS
from diffchest.errors import DataError
from diffchest.images import squares
from diffchest.images.squares import from_model_range, to_model_range
from diffchest.model import autoencoder, blocks, encoder, encoding, norms, unet
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.model.encoding import encode
from diffchest.params.counterfactuals import SolverName
from diffchest.progress import progress

BATCH_PIXELS = 2**19  # pixels of the radiographs in one batch: 227 of 48 x 48, 8 of 256 x 256
# that makes a picture
CODE = (autoencoder, blocks, encoder, encoding, norms, unet, ddim, dpm_solver, schedule, solvers, squares)


def check_same_model(model: DiffusionAutoencoder, head: Head, moves: Moves) -> None:
    """Raise `DataError` unless `head` was fitted on latents of this autoencoder, and `moves` as well."""
    if head.weight.shape[1] != model.latent_dim:
        raise DataError(
            f"the head expects z of {head.weight.shape[1]} dimensions, the autoencoder makes {model.latent_dim}; "
            "run extract_latents and fit_head again"
        )
    for name, sha256 in (("head was", head.model_sha256), ("moves were", moves.model_sha256[0])):
        if sha256 != model.sha256:
            raise DataError(
                f"the {name} fitted on the latents of autoencoder {sha256[:12]}, this one is {model.sha256[:12]}; "
                "run extract_latents, fit_head and fit_moves again"
            )


def encode_latents(model: DiffusionAutoencoder, pixels: np.ndarray) -> np.ndarray:
    """Semantic latents of uint8 radiographs [N, H, W], in batches as they are decoded in: float32 [N, d]."""
    return encode(model, pixels, batch_size(pixels.shape[-1]))


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


def new_noise(model: DiffusionAutoencoder, side: int, numbers: Sequence[int], *, seed: int) -> np.ndarray:
    """Noise maps to start from in place of a radiograph's own x_T, of the radiographs with these numbers.

    Returns float32 [N, C, side, side]; each follows from `seed` and the number alone.
    """
    shape = (model.channels, side, side)
    return np.stack([np.random.default_rng([seed, number]).standard_normal(shape, np.float32) for number in numbers])


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


def round_trip(
    model: DiffusionAutoencoder,
    pixels: np.ndarray,
    latents: np.ndarray,
    *,
    solver: SolverName,
    encode_steps: int,
    decode_steps: int,
    content: Any,
    parts: Parts,
) -> Arrays | None:
    """Encode radiographs to their noise maps, decode each with every one of its latents, and encode the pictures again.

    pixels: uint8 [N, H, W]; latents: unnormalised float32 [N, T, d], a radiograph's own z first; content: what
    determined `latents` besides the model and the pixels, code too. `parts` get as many radiographs as one batch
    holds. Returns None in all processes but the first, there `x_T` float16 [N, H, W] (the first channel), `pictures`
    uint8 [N, T, H, W], and their latents `z` [N, T, d].
    """

    def part(chosen: slice) -> Arrays:
        x_end = encode_noise(model, pixels[chosen], latents[chosen, 0], solver=solver, steps=encode_steps)
        pictures = decode(model, x_end, latents[chosen], solver=solver, steps=decode_steps)
        z = encode_latents(model, pictures.reshape(-1, *pixels.shape[1:])).reshape(latents[chosen].shape)
        return {"x_T": x_end[:, 0].astype(np.float16), "pictures": pictures, "z": z}

    return parts.gather(
        part,
        len(pixels),
        size=batch_size(pixels.shape[-1]),
        content=[model.sha256, pixels, solver, encode_steps, decode_steps, content, *CODE, sys.modules[__name__]],
        desc="draw",
    )


def batch_size(size: int) -> int:
    """How many radiographs of `size` x `size` pixels one batch may hold."""
    return max(1, BATCH_PIXELS // size**2)


def _batches(images: int, size: int) -> list[slice]:
    length = batch_size(size)
    return [slice(start, start + length) for start in range(0, images, length)]


def _to_tensor(model: DiffusionAutoencoder, pixels: np.ndarray) -> torch.Tensor:
    """uint8 radiographs [N, H, W] as the model takes them: [N, C, H, W] in [-1, 1] on its device."""
    return model.prepare(torch.from_numpy(to_model_range(pixels)).to(model.device))
