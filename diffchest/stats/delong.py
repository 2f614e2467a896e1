"""DeLong's test of two correlated AUCs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from diffchest.stats.auc import Floats, as_columns, wins


@dataclass(frozen=True, eq=False)
class DelongResult:
    """`difference` = AUC of a - AUC of b, its standard error `se` and two-sided `p_value`, each [findings]."""

    difference: Floats
    se: Floats
    p_value: Floats


def delong_test(y: ArrayLike, score_a: ArrayLike, score_b: ArrayLike) -> DelongResult:
    """Test the null hypothesis that two classifiers scored on the same radiographs have equal AUCs (DeLong 1988).

    y, score_a, score_b: [n] or [n, findings], rows with label NaN left out. Radiographs count as independent:
    several of one patient make p too small. p is NaN where a class has fewer than two members; where no radiograph
    varies (se 0), it is 1 for equal AUCs and 0 for others. Raises `ValueError` for NaN or infinite scores.
    """
    labels, a, b = as_columns(y, score_a, score_b)
    rows = [_one(labels[:, f], a[:, f], b[:, f]) for f in range(labels.shape[1])]
    difference, se = np.array(rows).T
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value = np.where((se == 0) & (difference == 0), 1.0, 2.0 * norm.sf(np.abs(difference) / se))
    return DelongResult(difference=difference, se=se, p_value=p_value)


def _one(y: Floats, a: Floats, b: Floats) -> tuple[float, float]:
    """Difference and standard error from the structural components of positives and negatives."""
    positive, negative = y == 1, y == 0
    m, n = int(positive.sum()), int(negative.sum())
    if m < 2 or n < 2:
        return float("nan"), float("nan")
    of_positive = (wins(a[positive], a[negative]) - wins(b[positive], b[negative])) / n
    of_negative = (wins(b[negative], b[positive]) - wins(a[negative], a[positive])) / m
    variance = of_positive.var(ddof=1) / m + of_negative.var(ddof=1) / n
    return float(of_positive.mean()), float(np.sqrt(variance))
