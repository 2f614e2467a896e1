"""How well scores rank pairs: average precision, of many redraws at once."""

import numpy as np


def average_precisions(truth: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average precision [R] of ranking `truth` (bool [N]) by `score` [N], highest first, under `weights` [R, N] >= 0.

    Equal scores are one threshold, as in `sklearn.metrics.average_precision_score`, which takes one redraw at a time
    and spends most of that time on checks. NaN where no weight is on a true one.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # the last of each group of equal scores
    ranked = weights[:, order].astype(np.float64)
    reached = np.cumsum(ranked, axis=1)[:, ends]
    hits = np.cumsum(ranked * truth[order], axis=1)[:, ends]
    precision = hits / np.where(reached > 0, reached, 1.0)
    with np.errstate(invalid="ignore"):
        return (np.diff(hits, axis=1, prepend=0.0) * precision).sum(axis=1) / hits[:, -1]
