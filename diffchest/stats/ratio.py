"""Confidence intervals of ratios of sums (means, rates), by patient."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from diffchest.stats.auc import Floats, check_resampling, group_codes
from diffchest.stats.bootstrap import percentile_interval, redraw_counts


@dataclass(frozen=True, eq=False)
class RatioResult:
    """`value`, `low`, `high` [k] and `samples` [resamples, k], NaN where the denominator is 0."""

    value: Floats
    low: Floats
    high: Floats
    samples: Floats


def bootstrap_ratio(
    numerator: ArrayLike,
    denominator: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int,
) -> RatioResult:
    """Sum of `numerator` / sum of `denominator`, each [n, k], with a percentile interval over redraws of groups.

    The redraws are those of `bootstrap_auc` for the same groups and seed. A mean has denominators of 1, a rate 0 or 1.
    Raises `ValueError` for shapes that differ and for what is not finite.
    """
    check_resampling(resamples, confidence)
    parts = [np.asarray(part, dtype=np.float64) for part in (numerator, denominator)]
    if parts[0].ndim != 2 or parts[0].shape != parts[1].shape:
        raise ValueError(f"numerator {parts[0].shape} and denominator {parts[1].shape} must both be [n, k]")
    if not all(np.isfinite(part).all() for part in parts):
        raise ValueError("numerator or denominator holds NaN or infinite values; give rows to leave out 0 in both")
    codes, number = group_codes(groups, len(parts[0]))
    member = csr_array((np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(number, len(codes)))
    sums = [member @ part for part in parts]
    counts = redraw_counts(number, resamples=resamples, seed=seed).T
    with np.errstate(invalid="ignore", divide="ignore"):
        above, below = (counts @ total for total in sums)
        samples = np.where(below == 0, np.nan, above / below)
        value = np.where(sums[1].sum(axis=0) == 0, np.nan, sums[0].sum(axis=0) / sums[1].sum(axis=0))
    low, high = percentile_interval(samples, confidence)
    return RatioResult(value=value, low=low, high=high, samples=samples)
