"""p-values adjusted for the number of findings tested."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from statsmodels.stats.multitest import multipletests

from diffchest.stats.auc import Floats


def adjust(p: ArrayLike, method: Literal["holm", "bh"] = "holm") -> Floats:
    """Adjusted p-values: Holm (family-wise error) or Benjamini-Hochberg (false discovery rate).

    p: [n] in [0, 1]; NaN (not tested) stays NaN and does not count as a test.
    """
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full_like(values, np.nan)
    tested = ~np.isnan(values)
    if tested.any():
        name = {"holm": "holm", "bh": "fdr_bh"}[method]
        adjusted[tested] = np.asarray(multipletests(values[tested], method=name)[1])
    return adjusted
