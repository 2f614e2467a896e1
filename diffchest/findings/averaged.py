"""Which findings enter a mean over findings: one rule for every table, metric and figure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffchest.findings.disease_free import normal_finding


def averaged(findings: Sequence[str]) -> NDArray[np.bool_]:
    """Which of `findings` [F] count in a mean: all but the label for "nothing abnormal", which is none of them."""
    normal = normal_finding(list(findings))
    return np.array([finding != normal for finding in findings], dtype=bool)


def mean_over_findings(findings: Sequence[str], values: ArrayLike) -> tuple[float, int]:
    """The mean of `values` [F] over the findings that count and have one, and how many these are; NaN where none is."""
    counted = np.asarray(values, dtype=np.float64)[averaged(findings)]
    counted = counted[~np.isnan(counted)]
    return (float(counted.mean()) if len(counted) else float("nan")), len(counted)
