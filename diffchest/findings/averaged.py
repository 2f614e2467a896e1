"""What kind of label each is, and which enter a mean over findings: one rule for every table, metric and figure."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from diffchest.findings.disease_free import normal_finding

FINDING, INDICATOR, NORMAL = "finding", "indicator", "normal"  # the order of tables


def kinds(findings: Sequence[str], indicators: Collection[str] = ()) -> list[str]:
    """The kind of each label [F]: NORMAL says "nothing abnormal", `indicators` are made of view, machine or site."""
    normal = normal_finding(list(findings))
    other = dict.fromkeys(indicators, INDICATOR) | ({normal: NORMAL} if normal is not None else {})
    return [other.get(finding, FINDING) for finding in findings]


def averaged(kinds: Sequence[str] | pd.Series) -> NDArray[np.bool_]:
    """Which labels of these kinds [F] count in a mean over findings: the findings."""
    return np.array([kind == FINDING for kind in kinds], dtype=bool)


def mean_over_findings(kinds: Sequence[str] | pd.Series, values: ArrayLike) -> tuple[float, int]:
    """The mean of `values` [F] over the findings that have one, and how many these are; NaN where none has."""
    counts = np.asarray(values, dtype=np.float64)[averaged(kinds)]
    counts = counts[~np.isnan(counts)]
    return (float(counts.mean()) if len(counts) else float("nan")), len(counts)
