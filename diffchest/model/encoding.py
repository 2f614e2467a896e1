"""The semantic latents of all radiographs: encoding them, and their file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from diffchest.compute.parts import in_parts
from diffchest.compute.processes import ALONE, Processes
from diffchest.compute.read_ahead import read_ahead
from diffchest.contracts.latents import Latents
from diffchest.errors import DataError
from diffchest.images.squares import to_model_range
from diffchest.model.autoencoder import DiffusionAutoencoder

PART = 1024  # images


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
    runs: Path,
    store_version: str = "",
    processes: Processes = ALONE,
) -> Latents | None:
    """Encode the images `image_ids` of `store`, `batch_size` at a time, in their order.

    Parts of `PART` images are dealt out to the processes and kept in `runs` (see `in_parts`); those of another
    `store_version` are not used. Returns None in all processes but the first. Raises `DataError` for an image that the
    store lacks and for latents that are not finite.
    """

    def encode(chosen: slice) -> dict[str, np.ndarray]:
        return {"z": _encode(model, store, image_ids[chosen], batch_size)}

    gathered = in_parts(
        encode,
        len(image_ids),
        size=PART,
        content=[model.sha256, store_version, batch_size, list(image_ids)],
        runs=runs,
        desc="encode",
        processes=processes,
    )
    if gathered is None:
        return None
    if not np.isfinite(gathered["z"]).all():
        raise DataError("latents: z is not finite for some radiographs; pretraining diverged, run it again")
    return Latents(np.asarray(image_ids, dtype=np.str_), gathered["z"], model.sha256)


@torch.inference_mode()
def _encode(model: DiffusionAutoencoder, store: Images, image_ids: Sequence[str], batch_size: int) -> np.ndarray:
    """z [N, d], float32."""
    z = np.empty((len(image_ids), model.latent_dim), dtype=np.float32)
    batches = (image_ids[first : first + batch_size] for first in range(0, len(image_ids), batch_size))
    first = 0
    for _, gray in read_ahead(lambda batch: torch.from_numpy(to_model_range(store.read(batch))), batches):
        codes = model.encode(model.prepare(gray.to(model.device)))
        z[first : first + len(codes)] = codes.float().cpu().numpy()
        first += len(codes)
    return z
