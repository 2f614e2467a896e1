"""DeLong's test of two correlated AUCs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from diffchest.stats.auc import Floats, as_columns, group_codes
from diffchest.stats.placements import placements


@dataclass(frozen=True, eq=False)
class DelongResult:
    """`difference` = AUC of a - AUC of b, its standard error `se` and two-sided `p_value`, each [findings]."""

    difference: Floats
    se: Floats
    p_value: Floats


def delong_test(
    y: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, *, groups: ArrayLike | None = None
) -> DelongResult:
    """Test the null hypothesis that two classifiers scored on the same radiographs have equal AUCs.

    y, score_a, score_b: [n] or [n, findings], rows with label NaN left out; groups [n]: the patients, whose radiographs
    are taken together (Obuchowski 1997); by default each row its own (DeLong 1988). se and p are NaN where a class is
    of fewer than two groups; where no radiograph varies (se 0), p is 1 for equal AUCs and 0 for others. Raises
    `ValueError` for fewer than two groups and for NaN or infinite scores.
    """
    labels, a, b = as_columns(y, score_a, score_b)
    codes, _ = group_codes(groups, len(labels))
    rows = []
    for truth, first, second in zip(labels.T, a.T, b.T, strict=True):
        ours, theirs = placements(truth, first, codes), placements(truth, second, codes)
        if ours is None or theirs is None:
            rows.append((np.nan, np.nan))
            continue
        apart = ours - theirs
        rows.append((apart.of_positive.mean(), np.sqrt(apart.variance().total)))
    difference, se = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value = np.where((se == 0) & (difference == 0), 1.0, 2.0 * norm.sf(np.abs(difference) / se))
    return DelongResult(difference=difference, se=se, p_value=p_value)
