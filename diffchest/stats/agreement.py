"""Agreement between readers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffchest.stats.auc import check_resampling


@dataclass(frozen=True)
class KappaResult:
    """Fleiss' `kappa` with its interval (`low`, `high`), and the mean raw `agreement` of two readers in [0, 1]."""

    kappa: float
    low: float
    high: float
    agreement: float


def fleiss_kappa(ratings: ArrayLike, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0) -> KappaResult:
    """Fleiss' kappa of `ratings` [n_items, n_raters] (category codes) with a bootstrap interval over items.

    Where all readers give all items one category, kappa is 0/0; it counts as 1 there, as in the paper's tables, since
    agreement is perfect. Raises `ValueError` for missing ratings or fewer than two items or readers (Fleiss 1971).
    """
    check_resampling(resamples, confidence)
    values = _checked(ratings)
    counts = (values[:, :, None] == np.unique(values)).sum(axis=1).astype(np.float64)  # [items, categories]
    draws = np.random.default_rng(seed).integers(len(counts), size=(resamples, len(counts)))
    samples = _kappa(counts[draws])
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(samples, [tail, 1.0 - tail])
    agreement = float(_item_agreement(counts).mean())
    return KappaResult(kappa=float(_kappa(counts)), low=float(low), high=float(high), agreement=agreement)


def pairwise_agreement(ratings: ArrayLike) -> NDArray[np.int64]:
    """How many of the items two readers rate alike: [n_raters, n_raters], the number of items on the diagonal."""
    values = _checked(ratings)
    return (values[:, :, None] == values[:, None, :]).sum(axis=0)


def _checked(ratings: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(ratings, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"ratings must be [items >= 2, readers >= 2], found {list(values.shape)}")
    if not np.isfinite(values).all():
        item, reader = np.argwhere(~np.isfinite(values))[0]
        raise ValueError(f"ratings: item {item} has no rating by reader {reader}; every reader must rate every item")
    return values


def _item_agreement(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    readers = counts.sum(axis=-1)
    return ((counts**2).sum(axis=-1) - readers) / (readers * (readers - 1.0))


def _kappa(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kappa of tables of counts [..., items, categories]."""
    observed = _item_agreement(counts).mean(axis=-1)
    share = counts.mean(axis=-2) / counts.sum(axis=-1).mean(axis=-1)[..., None]
    expected = (share**2).sum(axis=-1)
    certain = np.isclose(expected, 1.0)
    return np.where(certain, 1.0, (observed - expected) / np.where(certain, 1.0, 1.0 - expected))
