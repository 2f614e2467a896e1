"""The semantic latents of all radiographs: encoding them, and their file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

import numpy as np
import torch

from diffchest.errors import DataError
from diffchest.images import to_model_range
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.parts import in_parts
from diffchest.processes import ALONE, Processes
from diffchest.read_ahead import read_ahead

PART = 1024  # images


class Images(Protocol):
    """Where images are read from: `diffchest.store.ImageStore`, or anything with its `read`."""

    def read(self, image_ids: Sequence[str]) -> np.ndarray:
        """Return uint8 [N, H, W] in the order asked."""
        ...


@dataclass(frozen=True, eq=False)
class Latents:
    """`z` [N, d] float32, unnormalised, of the images `image_id` [N], made by the model file `model_sha256`."""

    image_id: np.ndarray
    z: np.ndarray
    model_sha256: str

    def select(self, image_ids: Sequence[str] | np.ndarray) -> np.ndarray:
        """Return z [n, d] of `image_ids`, in their order; `DataError` names the first that is not there."""
        row = {image_id: index for index, image_id in enumerate(self.image_id.tolist())}
        missing = [image_id for image_id in image_ids if image_id not in row]
        if missing:
            raise DataError(
                f"latents: {len(missing)} of {len(image_ids)} images have none, the first is {missing[0]!r}; "
                "run `dvc repro extract_latents`"
            )
        return self.z[[row[image_id] for image_id in image_ids]]

    def save(self, path: Path) -> None:
        """Write an npz file, whole or not at all; equal latents are equal bytes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, image_id=self.image_id, z=self.z, model_sha256=np.array(self.model_sha256))
        os.replace(partial, path)

    @classmethod
    def load(cls, path: Path) -> "Latents":
        """Read a file written by `save`; `DataError` if it is missing or not one."""
        try:
            with np.load(path) as file:
                return cls(file["image_id"], file["z"], str(file["model_sha256"]))
        except FileNotFoundError:
            raise DataError(f"{path}: no such file; run `dvc repro extract_latents`") from None
        except (BadZipFile, KeyError, ValueError, EOFError) as error:
            raise DataError(f"{path}: not a file of latents ({error}); run `dvc repro -f -s extract_latents`") from None


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
