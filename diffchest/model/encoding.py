"""Encoding radiographs to their semantic latents z: some in memory, or all of a store."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from diffchest.compute.parts import Parts
from diffchest.compute.read_ahead import read_ahead
from diffchest.contracts.latents import Latents
from diffchest.errors import DataError
from diffchest.images import squares
from diffchest.images.squares import to_model_range
from diffchest.model import autoencoder, blocks, encoder, norms
from diffchest.model.autoencoder import DiffusionAutoencoder

PART = 1024  # images
CODE = (autoencoder, blocks, encoder, norms, squares)  # that makes z


@torch.inference_mode()
def encode(model: DiffusionAutoencoder, pixels: np.ndarray, batch_size: int) -> np.ndarray:
    """Return the latents z of uint8 radiographs `pixels` [N, H, W]: unnormalised float32 [N, d].

    `batch_size` go through the network at a time; it shows in the last bits of z.
    """
    z = np.empty((len(pixels), model.latent_dim), dtype=np.float32)
    for first in range(0, len(pixels), batch_size):
        chosen = slice(first, first + batch_size)
        x = model.prepare(torch.from_numpy(to_model_range(pixels[chosen])).to(model.device))
        z[chosen] = model.encode(x).float().cpu().numpy()
    return z


class Images(Protocol):
    """Where images are read from: `diffchest.contracts.image_store.ImageStore`, or anything with its `read`."""

    def read(self, image_ids: Sequence[str]) -> np.ndarray:
        """Return uint8 [N, H, W] in the order asked."""
        ...


def extract_latents(
    model: DiffusionAutoencoder,
    store: Images,
    image_ids: Sequence[str],
    *,
    batch_size: int,
    parts: Parts,
    store_version: str = "",
) -> Latents | None:
    """Encode the images `image_ids` of `store`, `batch_size` at a time, in their order.

    `parts` get `PART` images each; those of another `store_version` are not used. Returns None in all processes but
    the first. Raises `DataError` for an image that the store lacks and for latents that are not finite.
    """

    def encode_part(chosen: slice) -> dict[str, np.ndarray]:
        ids = image_ids[chosen]
        batches = (ids[first : first + batch_size] for first in range(0, len(ids), batch_size))
        none = np.empty((0, model.latent_dim), dtype=np.float32)  # where there are no images
        z = [encode(model, pixels, batch_size) for _, pixels in read_ahead(store.read, batches)]
        return {"z": np.concatenate([none, *z])}

    gathered = parts.gather(
        encode_part,
        len(image_ids),
        size=PART,
        content=[model.sha256, store_version, batch_size, list(image_ids), *CODE, encode],
        desc="encode",
    )
    if gathered is None:
        return None
    if not np.isfinite(gathered["z"]).all():
        raise DataError("latents: z is not finite for some radiographs; pretraining diverged, run it again")
    return Latents(np.asarray(image_ids, dtype=np.str_), gathered["z"], model.sha256)
