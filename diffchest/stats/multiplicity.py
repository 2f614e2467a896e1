"""p-values adjusted for the number of findings tested."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from statsmodels.stats.multitest import multipletests

from diffchest.stats.auc import Floats

METHODS = {"holm": "holm", "bh": "fdr_bh"}  # ours: statsmodels'


def adjust(p: ArrayLike, method: Literal["holm", "bh"] = "holm") -> Floats:
    """Adjusted p-values: Holm (family-wise error) or Benjamini-Hochberg (false discovery rate).

    p: one family of tests of any shape, in [0, 1]; NaN (not tested) stays NaN and does not count as a test. Raises
    `ValueError` for another p or an unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, found {method!r}")
    values = np.asarray(p, dtype=np.float64)
    outside = (values < 0) | (values > 1)
    if outside.any():
        raise ValueError(f"p-values must lie in [0, 1], found {values[outside][0]}")
    adjusted = np.full_like(values, np.nan)
    tested = ~np.isnan(values)
    if tested.any():
        adjusted[tested] = np.asarray(multipletests(values[tested], method=METHODS[method])[1])
    return adjusted
