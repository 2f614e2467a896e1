"""The area under the ROC curve as the Mann-Whitney statistic, and the checks all tests share."""

from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def as_columns(y: ArrayLike, *scores: ArrayLike) -> tuple[Floats, ...]:
    """Labels and scores as float64 [n, findings].

    `y` holds 1, 0 and NaN (not assessed). Raises `ValueError` for another label, a NaN or infinite score, or shapes
    that differ.
    """
    arrays = [np.asarray(array, dtype=np.float64) for array in (y, *scores)]
    columns = tuple(array[:, None] if array.ndim == 1 else array for array in arrays)
    labels = columns[0]
    if labels.ndim != 2:
        raise ValueError(f"labels must be [n] or [n, findings], found {list(arrays[0].shape)}")
    known = ~np.isnan(labels)
    if not np.isin(labels[known], (0.0, 1.0)).all():
        raise ValueError(f"labels must be 0, 1 or NaN, found {labels[known & ~np.isin(labels, (0.0, 1.0))][0]}")
    for number, column in enumerate(columns[1:]):
        if column.shape != labels.shape:
            raise ValueError(f"labels are {labels.shape}, scores {number} are {column.shape}; the shapes must agree")
        bad = np.argwhere(~np.isfinite(column))
        if len(bad):
            raise ValueError(f"scores {number}: {len(bad)} NaN or infinite, the first in row {bad[0, 0]}")
    return columns


def group_codes(groups: ArrayLike | None, n: int) -> tuple[NDArray[np.int64], int]:
    """Number the groups 0..G-1 in order of first appearance; without groups every row is its own.

    Raises `ValueError` for a missing group (else all rows without one would count as one patient) and for fewer than
    two groups.
    """
    named = np.arange(n) if groups is None else np.asarray(groups)
    if named.shape != (n,):
        raise ValueError(f"groups must be [{n}], one per row, found {list(named.shape)}")
    codes, names = pd.factorize(named)
    if (codes < 0).any():
        raise ValueError(f"groups: row {np.flatnonzero(codes < 0)[0]} has none; every row needs one")
    if len(names) < 2:
        raise ValueError("fewer than two groups: nothing to resample")
    return codes.astype(np.int64), len(names)


def check_resampling(resamples: int, confidence: float = 0.95) -> None:
    """Raise `ValueError` unless `resamples` is a whole number from 1 and `confidence` lies between 0 and 1."""
    if not isinstance(resamples, Integral) or resamples < 1:
        raise ValueError(f"resamples must be a whole number of at least 1, found {resamples!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1 (0.95 for a 95 % interval), found {confidence!r}")


def wins(scores: Floats, others: Floats) -> Floats:
    """For each of `scores`, how many of `others` lie below it, ties counting one half."""
    others = np.sort(others)
    return (np.searchsorted(others, scores, "left") + np.searchsorted(others, scores, "right")) / 2.0


def roc_auc(y: ArrayLike, score: ArrayLike) -> float | Floats:
    """Area under the ROC curve: P(score of a positive > score of a negative), ties counting one half.

    y [n] or [n, findings]: 1, 0 or NaN (row left out); score: the same shape, any scale. Returns a float, or an array
    [findings]. NaN, never 0.5, where a class is missing (Hanley & McNeil 1982).

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    labels, scores = as_columns(y, score)
    values = np.array([_auc(labels[:, f], scores[:, f]) for f in range(labels.shape[1])])
    return float(values[0]) if np.ndim(y) == 1 else values


def _auc(y: Floats, score: Floats) -> float:
    positive, negative = score[y == 1], score[y == 0]
    if not len(positive) or not len(negative):
        return float("nan")
    return float(wins(positive, negative).mean() / len(negative))
