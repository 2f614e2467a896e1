"""ROC curves as tables of vertices: drawn, averaged, thinned, and points beside them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

CURVE_POINTS = 200


def roc_points(truth: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    """ROC curve (fpr, tpr) of `score` where `truth` is 1 or 0, from (0, 0); no rows where one class is missing."""
    known = ~np.isnan(truth)
    if len(np.unique(truth[known])) < 2:
        return pd.DataFrame({"fpr": [], "tpr": []}, dtype=np.float64)
    fpr, tpr, _ = roc_curve(truth[known], score[known])
    return pd.DataFrame({"fpr": fpr, "tpr": tpr})


def mean_curve(curves: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean of ROC curves (fpr, tpr) at every fpr, so that its area is the mean of theirs; one curve stays itself.

    No rows where a curve has none. Both ends of a vertical step are vertices.
    """
    if len(curves) == 1 or any(curve.empty for curve in curves):
        return next((curve for curve in curves if curve.empty), curves[0])
    x = np.unique(np.concatenate([curve["fpr"] for curve in curves]))
    ends = []
    for curve in curves:
        fpr, tpr = curve["fpr"].to_numpy(), curve["tpr"].to_numpy()
        between = np.interp(x, fpr, tpr)
        first, after = np.searchsorted(fpr, x, "left"), np.searchsorted(fpr, x, "right")
        vertex = after > first
        last = len(fpr) - 1
        ends.append(
            [
                np.where(vertex, tpr[np.minimum(first, last)], between),
                np.where(vertex, tpr[np.maximum(after - 1, 0)], between),
            ]
        )
    low, high = np.mean(ends, axis=0)
    return pd.DataFrame({"fpr": np.repeat(x, 2), "tpr": np.stack([low, high], axis=1).ravel()}).drop_duplicates()


def side_of_curve(fpr: np.ndarray, tpr: np.ndarray, point: tuple[float, float]) -> int:
    """1, 0 or -1: the point (fpr, tpr) lies above, on or below the ROC curve with these vertices (from (0, 0))."""
    x, y = point
    first, after = np.searchsorted(fpr, x, "left"), np.searchsorted(fpr, x, "right")
    if after > first:  # a vertical step, or one vertex, at x
        low, high = tpr[first], tpr[after - 1]
    else:
        low = high = np.interp(x, fpr[first - 1 : first + 1], tpr[first - 1 : first + 1])
    return int(y > high) - int(y < low)


def thin(curves: pd.DataFrame, points: int = CURVE_POINTS) -> pd.DataFrame:
    """Keep at most `points` vertices of each curve, evenly spaced, both ends included."""
    return pd.concat(
        [
            curve.iloc[np.unique(np.linspace(0, len(curve) - 1, min(points, len(curve))).round().astype(int))]
            for _, curve in curves.groupby(["finding", "fraction"], sort=False)
        ]
        or [curves]
    )
