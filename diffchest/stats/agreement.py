"""Agreement between readers: Fleiss' kappa, Gwet's AC1, Krippendorff's alpha.

Where one category is rare, kappa and alpha are low however well readers agree (the paradox of kappa); AC1 is not.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffchest.stats.auc import check_resampling

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AgreementResult:
    """A coefficient of agreement with its percentile interval.

    `value`, `low`, `high`; NaN where the coefficient is 0/0. `undefined`: redraws in which it is, which are left out of
    the interval. `agreement`: the mean share of pairs of readers who rate an item alike, in [0, 1].
    """

    value: float
    low: float
    high: float
    undefined: int
    agreement: float


@dataclass(frozen=True, eq=False)
class _Items:
    """Ratings by category, of different kinds of items: `counts` [kinds, categories], of each kind `number` [kinds]."""

    counts: Floats
    number: NDArray[np.int64]

    @property
    def ratings(self) -> Floats:
        """[kinds, 1]: how many readers rated such an item."""
        return self.counts.sum(axis=1, keepdims=True)

    @property
    def paired(self) -> Floats:
        """[kinds, 1]: 1 where at least two readers did, so that they can agree, else 0."""
        return (self.ratings >= 2).astype(np.float64)

    @property
    def alike(self) -> Floats:
        """[kinds, 1]: ordered pairs of readers who rate such an item alike, by reader."""
        pairs: Floats = (self.counts * (self.counts - 1)).sum(axis=1, keepdims=True)
        return pairs / np.maximum(self.ratings - 1, 1)

    def agreement(self, weight: Floats) -> Floats:
        """Mean agreement [...] over the items that two readers rated, `weight` [..., kinds] of each kind."""
        return _ratio(weight @ (self.alike / self.ratings * self.paired), weight @ self.paired)[..., 0]

    def shares(self, weight: Floats) -> Floats:
        """Mean share [..., categories] of each category in an item's ratings."""
        return weight @ (self.counts / self.ratings) / weight.sum(axis=-1, keepdims=True)


def fleiss_kappa(
    ratings: ArrayLike, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> AgreementResult:
    """Fleiss' kappa (1971) of `ratings` [n_items, n_raters] (category codes) with a bootstrap interval over items.

    NaN: no rating. As Gwet (2014) does, agreement is that of items with two ratings or more, the share of a category
    its mean share in all rated items. Where all ratings are of one category, kappa is 0/0: NaN, and so not perfect.
    Raises `ValueError` for fewer than two readers or two items with ratings.
    """

    def kappa(items: _Items, weight: Floats) -> Floats:
        expected = (items.shares(weight) ** 2).sum(axis=-1)
        return _beyond_chance(items.agreement(weight), expected)

    return _measured(kappa, ratings, None, resamples, confidence, seed)


def gwet_ac1(
    ratings: ArrayLike,
    *,
    categories: ArrayLike | None = None,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> AgreementResult:
    """Gwet's AC1 (2008) of `ratings`, as `fleiss_kappa` takes them.

    categories: all that readers could choose from; by default those that somebody chose. Only one: 0/0, NaN. Where 0
    and 1 were to choose from and all say 0, AC1 is 1. Raises `ValueError` as `fleiss_kappa` does, and for a rating that
    is none of `categories`.
    """

    def ac1(items: _Items, weight: Floats) -> Floats:
        share = items.shares(weight)
        expected = _ratio((share * (1 - share)).sum(axis=-1), np.asarray(share.shape[-1] - 1.0))
        return _beyond_chance(items.agreement(weight), expected)

    return _measured(ac1, ratings, categories, resamples, confidence, seed)


def krippendorff_alpha(
    ratings: ArrayLike, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> AgreementResult:
    """Krippendorff's alpha (2004) for nominal categories of `ratings`, as `fleiss_kappa` takes them.

    Only items with two ratings or more count. NaN (0/0) where all of theirs are of one category. Raises `ValueError` as
    `fleiss_kappa` does.
    """

    def alpha(items: _Items, weight: Floats) -> Floats:
        values = weight @ (items.counts * items.paired)  # [..., categories]
        total = values.sum(axis=-1)
        observed = total - (weight @ (items.alike * items.paired))[..., 0]
        expected = _ratio(total**2 - (values**2).sum(axis=-1), total - 1)
        return 1 - _ratio(observed, expected)

    return _measured(alpha, ratings, None, resamples, confidence, seed)


def pairwise_agreement(ratings: ArrayLike) -> NDArray[np.int64]:
    """How many of the items two readers rate alike: [n_raters, n_raters], the number of items on the diagonal.

    Raises `ValueError` for a missing rating and for fewer than two items or readers.
    """
    values = _checked(ratings)
    if np.isnan(values).any():
        item, reader = np.argwhere(np.isnan(values))[0]
        raise ValueError(f"ratings: item {item} has no rating by reader {reader}; every reader must rate every item")
    return (values[:, :, None] == values[:, None, :]).sum(axis=0)


def _measured(
    coefficient: Callable[[_Items, Floats], Floats],
    ratings: ArrayLike,
    categories: ArrayLike | None,
    resamples: int,
    confidence: float,
    seed: int,
) -> AgreementResult:
    """A redraw of items is one of how many of each kind there are, so that equal redraws have equal coefficients."""
    check_resampling(resamples, confidence)
    items = _kinds(_checked(ratings), categories)
    total = items.number.sum()
    draws = np.random.default_rng(seed).multinomial(total, items.number / total, size=resamples)
    samples = coefficient(items, draws.astype(np.float64))
    found = samples[~np.isnan(samples)]
    tail = (1.0 - confidence) / 2.0
    value = float(coefficient(items, items.number.astype(np.float64)))
    known = len(found) > 0 and not np.isnan(value)
    low, high = np.quantile(found, [tail, 1.0 - tail]) if known else (np.nan, np.nan)
    return AgreementResult(
        value=value,
        low=float(low),
        high=float(high),
        undefined=resamples - len(found),
        agreement=float(items.agreement(items.number.astype(np.float64))),
    )


def _checked(ratings: ArrayLike) -> Floats:
    """The items that somebody rated."""
    values = np.asarray(ratings, dtype=np.float64)
    if values.ndim == 2:
        values = values[~np.isnan(values).all(axis=1)]
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"ratings must be [items >= 2, readers >= 2], found {list(values.shape)}")
    if np.isinf(values).any():
        item, reader = np.argwhere(np.isinf(values))[0]
        raise ValueError(f"ratings: item {item} has an infinite rating by reader {reader}; give a code, or NaN")
    return values


def _kinds(values: Floats, categories: ArrayLike | None) -> _Items:
    used = np.unique(values[~np.isnan(values)])
    known = used if categories is None else np.unique(np.asarray(categories, dtype=np.float64))
    other = np.setdiff1d(used, known)
    if len(other):
        raise ValueError(f"ratings: {other[0]:g} is none of the categories {known.tolist()}")
    counts = (values[:, :, None] == known).sum(axis=1)
    kinds, number = np.unique(counts, axis=0, return_counts=True)
    return _Items(kinds.astype(np.float64), number)


def _beyond_chance(observed: Floats, expected: Floats) -> Floats:
    return 1 - _ratio(1 - observed, 1 - expected)


def _ratio(above: Floats, below: Floats) -> Floats:
    """NaN where `below` is 0, but for rounding."""
    zero = np.isclose(below, 0.0, atol=1e-12)
    return np.where(zero, np.nan, above / np.where(zero, 1.0, below))
