"""Confidence intervals of AUCs, and redraws of them, by patient."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from diffchest.stats.auc import Floats, as_columns, check_resampling, group_codes, roc_auc
from diffchest.stats.placements import placements
from diffchest.stats.score_interval import score_interval

BLOCK_VALUES = 2**23  # numbers per working array: bounds the memory


@dataclass(frozen=True, eq=False)
class BootstrapResult:
    """AUC with its interval, per finding.

    `auc`, `low`, `high` [findings]; `samples` [resamples, findings], NaN where a redraw lacked a class; `undefined`
    [findings] counts those.
    """

    auc: Floats
    low: Floats
    high: Floats
    samples: Floats
    undefined: NDArray[np.int64]


def bootstrap_auc(
    y: ArrayLike,
    scores: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    resamples: int = 1000,
    confidence: float = 0.95,
    interval: Literal["score", "percentile"] = "score",
    seed: int,
) -> BootstrapResult:
    """AUC with interval, and redraws of groups (patients) with replacement (Efron 1979).

    interval: "score": `score_interval`, which does not need the redraws; "percentile": of the redraws, too narrow near
    1 and with few positives (docs/results/error_rates.md), and [1, 1] for a perfect AUC.

    y, scores: [n] or [n, findings]; groups [n], by default each row its own. The redraws depend on `groups`,
    `resamples` and `seed` alone, so calls for two models share them and their samples may be subtracted. The point
    estimate is the AUC of the full sample. Redraws without both classes are left out of the interval and counted; a
    finding without both classes gets NaN. Raises `ValueError` for fewer than two groups, for NaN or infinite scores and
    for another `interval`.
    """
    check_resampling(resamples, confidence)
    if interval not in ("score", "percentile"):
        raise ValueError(f"interval must be 'score' or 'percentile', found {interval!r}")
    labels, values = as_columns(y, scores)
    codes, number = group_codes(groups, len(labels))
    counts = redraw_counts(number, resamples=resamples, seed=seed)
    columns = [_redrawn_aucs(labels[:, f], values[:, f], codes, counts) for f in range(labels.shape[1])]
    samples = np.column_stack([np.empty((resamples, 0)), *columns])
    if interval == "score":
        found = [placements(labels[:, f], values[:, f], codes) for f in range(labels.shape[1])]
        low, high = score_interval(found, confidence)
    else:
        low, high = percentile_interval(samples, confidence)
    return BootstrapResult(
        auc=np.atleast_1d(roc_auc(labels, values)),
        low=low,
        high=high,
        samples=samples,
        undefined=np.isnan(samples).sum(axis=0),
    )


def percentile_interval(samples: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Limits [findings] that hold the central `confidence` of `samples` [resamples, findings], NaN ignored."""
    tail = (1.0 - confidence) / 2.0
    low, high = np.full((2, samples.shape[1]), np.nan)
    defined = ~np.isnan(samples).all(axis=0)
    if defined.any():
        low[defined], high[defined] = np.nanquantile(samples[:, defined], [tail, 1.0 - tail], axis=0)
    return low, high


def redraw_counts(number: int, *, resamples: int, seed: int) -> NDArray[np.float32]:
    """How often each of `number` groups occurs in each redraw with replacement: float32 [number, resamples]."""
    rng = np.random.default_rng(seed)
    counts = np.empty((resamples, number), dtype=np.float32)
    for redraw in counts:
        redraw[:] = np.bincount(rng.integers(number, size=number), minlength=number)
    return np.ascontiguousarray(counts.T)


def _redrawn_aucs(y: Floats, score: Floats, codes: NDArray[np.int64], counts: NDArray[np.float32]) -> Floats:
    """AUC of one finding in every redraw; `codes` [n] are the rows of `counts` [groups, resamples].

    One sort of the negatives: between the scores of two positives their weights are only ever needed as a sum. Those
    sums, and the weights of the positives at each cut (one half below and one half above the negatives they tie with),
    are sparse matrices times `counts`. All sums are multiples of 1/2 below 2^23, exact in float32.
    """
    positive, negative = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    if not len(positive) or not len(negative):
        return np.full(counts.shape[1], np.nan)
    negative = negative[np.argsort(score[negative], kind="stable")]
    sides = [np.searchsorted(score[negative], score[positive], side) for side in ("left", "right")]
    cuts, at = np.unique(np.concatenate([[0], *sides]), return_inverse=True)
    ones = np.ones(len(negative), dtype=np.float32)
    between = csr_array((ones, codes[negative], np.append(cuts, len(negative))), shape=(len(cuts), len(counts)))
    halves = np.full(2 * len(positive), 0.5, dtype=np.float32)
    standing = csr_array((halves, (at[1:], np.tile(codes[positive], 2))), shape=between.shape)
    aucs = np.empty(counts.shape[1])
    block = max(1, BLOCK_VALUES // len(cuts))
    for start in range(0, len(aucs), block):
        redraws = np.ascontiguousarray(counts[:, start : start + block])
        segments, weight = between @ redraws, standing @ redraws
        beaten = np.cumsum(segments, axis=0) - segments  # weight of the negatives before each cut
        pairs = weight.sum(axis=0, dtype=np.float64) * segments.sum(axis=0, dtype=np.float64)
        won = np.einsum("kr,kr->r", beaten, weight, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            aucs[start : start + block] = won / pairs
    return aucs
