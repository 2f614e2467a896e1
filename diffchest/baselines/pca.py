"""The honest floor: a linear head on the principal components of the pixels."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from diffchest.contracts.image_store import ImageStore
from diffchest.params.baselines import PcaParams

FIT_ROWS = 10_000  # images that determine the components; more changes them little
BLOCK_BYTES = 2**26  # of the floats of the images that are in memory at a time
OVERSAMPLES, ITERATIONS = 10, 7  # of the randomised range finder


class Images(Protocol):
    """Uint8 [N, H, W], of which slices are read: an array, or `StoredImages`."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


class StoredImages:
    """Images of the store that are read when they are asked for."""

    def __init__(self, store: ImageStore, image_ids: Sequence[str]) -> None:
        self._store = store
        self._image_ids = list(image_ids)

    def __len__(self) -> int:
        return len(self._image_ids)

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self._store.read(self._image_ids[rows])


def pca_features(fit: Images, *images: Images, params: PcaParams) -> list[np.ndarray]:
    """Project `images` on the principal components of `fit`, a block at a time: they need not fit into memory.

    Subspace iteration from a random start with a fixed seed (Halko et al. 2011, algorithm 4.4). Returns float32 [N, k]
    per array, k = `params.components` or what the images allow.
    """
    pixels = fit[:1].size
    components = min(params.components, len(fit) - 1, pixels)
    mean = sum((rows.sum(axis=0, dtype=np.float64) for rows in _blocks(fit)), np.zeros(pixels)) / len(fit)
    mean = mean.astype(np.float32)
    width = min(components + OVERSAMPLES, pixels)
    basis = np.random.default_rng(params.seed).standard_normal((pixels, width), dtype=np.float32)
    for _ in range(ITERATIONS):
        basis = np.linalg.qr(basis)[0]
        basis = sum((rows.T @ (rows @ basis) for rows in _blocks(fit, mean)), np.zeros_like(basis))
    basis = np.linalg.qr(basis)[0]
    projected = (rows @ basis for rows in _blocks(fit, mean))
    covariance = sum((part.T.astype(np.float64) @ part for part in projected), np.zeros((width, width)))
    directions = np.linalg.eigh(covariance)[1][:, ::-1][:, :components]
    axes = (basis @ directions).astype(np.float32)
    return [_project(array, mean, axes) for array in images]


def _project(images: Images, mean: np.ndarray, axes: np.ndarray) -> np.ndarray:
    parts = [rows @ axes for rows in _blocks(images, mean)]
    return np.concatenate([np.empty((0, axes.shape[1]), dtype=np.float32), *parts])


def _blocks(images: Images, mean: np.ndarray | float = 0.0) -> Iterator[np.ndarray]:
    """Blocks of images as float32 [n, pixels] in [0, 1], less `mean`."""
    pixels = images[:1].size
    step = max(1, BLOCK_BYTES // (4 * max(1, pixels)))
    for start in range(0, len(images), step):
        block = images[start : start + step]
        rows = block.reshape(len(block), -1).astype(np.float32)
        rows /= 255.0
        rows -= mean
        yield rows
