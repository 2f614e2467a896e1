"""Average precision of many redraws, against scikit-learn's of each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from diffchest.audit.ranking import average_precisions


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.sampled_from([2, 5, 1000]))
def test_each_redraw_has_the_average_precision_of_scikit_learn(seed, pairs, levels):
    rng = np.random.default_rng(seed)
    truth, score = rng.random(pairs) < 0.3, rng.integers(0, levels, pairs) / levels  # few levels: ties
    weights = rng.integers(0, 4, (5, pairs))
    found = average_precisions(truth, score, weights)
    for row, weight in zip(found, weights, strict=True):
        if (weight * truth).sum():
            assert row == pytest.approx(average_precision_score(truth, score, sample_weight=weight), abs=1e-12)
        else:
            assert np.isnan(row)
