"""Which radiographs pretraining sees, and the patients held out from it."""

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from diffchest.errors import DataError
from diffchest.params.pretraining import HeldOutParams
from diffchest.pretraining.order import VALIDATION_STREAM

IN_MEMORY_BYTES = 2_000_000_000
FINGERPRINT_IMAGES = 4096  # images hashed at a time


class Store(Protocol):
    """What pretraining needs of `diffchest.contracts.image_store.ImageStore`."""

    @property
    def size(self) -> int:
        """Side of the square images in pixels."""
        ...

    def read(self, image_ids: Sequence[str]) -> np.ndarray:
        """Return uint8 [N, H, W] in the order asked."""
        ...


class Images:
    """Radiographs by position: in memory where all fit, else read from the store batch by batch."""

    def __init__(self, store: Store, image_ids: Sequence[str]) -> None:
        self.image_ids = np.asarray(image_ids)
        self._store = store
        fits = len(image_ids) * store.size**2 <= IN_MEMORY_BYTES
        self._pixels = store.read(list(image_ids)) if fits and len(image_ids) else None

    def __len__(self) -> int:
        return len(self.image_ids)

    def batch(self, positions: np.ndarray) -> Tensor:
        """Return the images at `positions` as uint8 [N, 1, H, W]."""
        if self._pixels is not None:
            return torch.from_numpy(self._pixels[positions][:, None])
        return torch.from_numpy(self._store.read(self.image_ids[positions].tolist())[:, None])

    def fingerprint(self) -> str:
        """Hash the ids and all pixels, so that no image can change without starting another run."""
        digest = hashlib.sha256("\n".join(self.image_ids.tolist()).encode())
        for first in range(0, len(self), FINGERPRINT_IMAGES):
            chosen = slice(first, first + FINGERPRINT_IMAGES)
            pixels = self._store.read(self.image_ids[chosen].tolist()) if self._pixels is None else self._pixels[chosen]
            digest.update(pixels.tobytes())
        return digest.hexdigest()


def shown_on(device: torch.device, pixels: Tensor) -> Tensor:
    """Send uint8 `pixels` to `device` and return them there as float32 in [-1, 1], as `to_model_range` does.

    A byte a pixel is sent, a quarter of what float32 would be, and nothing waits for it where the memory is pinned.
    """
    return pixels.to(device, non_blocking=True).float() / 127.5 - 1


def held_out_patients(patients: Sequence[str], fraction: float, seed: int) -> set[str]:
    """Draw round(fraction * n) of the distinct `patients`, at least one if `fraction` > 0."""
    distinct = np.unique(np.asarray(patients, dtype=np.str_))
    count = max(round(fraction * len(distinct)), 1) if fraction else 0
    rng = np.random.default_rng([seed, VALIDATION_STREAM])
    return set(rng.permutation(distinct)[:count].tolist())


def pretraining_images(manifest: pd.DataFrame, store: Store, settings: HeldOutParams) -> tuple[Images, Images]:
    """Return the training images and those of the held-out patients (`pretrain.validation_fraction`).

    Raises `DataError` if the roles `pretrain.roles` have too few patients.
    """
    rows = manifest[manifest["role"].isin(settings.roles)].sort_values("image_id")
    held_out = rows["patient_id"].isin(
        held_out_patients(rows["patient_id"].tolist(), settings.validation_fraction, settings.seed)
    )
    if held_out.all():
        found = manifest["role"].value_counts().to_dict()
        raise DataError(
            f"pretrain: no radiograph to train on: {rows['patient_id'].nunique()} patient(s) have a role in "
            f"pretrain.roles {settings.roles} (the manifest has {found}); add a role or radiographs"
        )
    return (
        Images(store, rows.loc[~held_out, "image_id"].tolist()),
        Images(store, rows.loc[held_out, "image_id"].tolist()),
    )


def held_out_images(manifest: pd.DataFrame, settings: HeldOutParams, *, number: int) -> list[str]:
    """Return the first image of each of up to `number` patients held out from pretraining."""
    rows = manifest[manifest["role"].isin(settings.roles)].sort_values("image_id")
    patients = held_out_patients(rows["patient_id"].tolist(), settings.validation_fraction, settings.seed)
    return rows[rows["patient_id"].isin(patients)].drop_duplicates("patient_id")["image_id"].tolist()[:number]
