"""Adjusted p-values."""

import numpy as np

from diffchest.stats import adjust


def test_adjusted_p_values_by_hand():
    p = [0.01, np.nan, 0.04, 0.03, 0.005]
    np.testing.assert_allclose(adjust(p, "holm"), [0.03, np.nan, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(adjust(p, "bh"), [0.02, np.nan, 0.04, 0.04, 0.02])
    assert np.isnan(adjust([np.nan], "bh")).all()
