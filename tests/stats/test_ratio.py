"""Ratios of sums over redraws of patients, against SciPy and by counting."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from diffchest.stats import bootstrap_auc, bootstrap_ratio
from diffchest.stats.bootstrap import redraw_counts


def test_interval_of_a_mean_is_that_of_scipy():
    x = np.random.default_rng(0).exponential(size=400)
    ours = bootstrap_ratio(x[:, None], np.ones((400, 1)), resamples=4000, seed=1)
    theirs = bootstrap((x,), np.mean, n_resamples=4000, method="percentile", rng=2).confidence_interval
    assert ours.value[0] == pytest.approx(x.mean())
    assert (ours.low[0], ours.high[0]) == pytest.approx(tuple(theirs), abs=0.02)


def test_each_sample_is_the_ratio_in_the_redrawn_patients():
    rng = np.random.default_rng(3)
    groups = np.repeat([f"p{number}" for number in range(30)], rng.integers(1, 4, 30))
    above, below = rng.random((2, len(groups), 2))
    result = bootstrap_ratio(above, below, groups=groups, resamples=20, seed=5)
    counts = redraw_counts(30, resamples=20, seed=5)
    for redraw in range(20):
        times = np.concatenate(
            [np.repeat(np.flatnonzero(groups == f"p{p}"), int(counts[p, redraw])) for p in range(30)]
        )
        np.testing.assert_allclose(result.samples[redraw], above[times].sum(axis=0) / below[times].sum(axis=0))


def test_redraws_are_those_of_the_auc():
    """A statistic that both can express moves together: the AUC of a score that is the label, where it is defined."""
    y = np.array([1, 0, 0, 0, 0, 0] * 2)
    auc = bootstrap_auc(y, y * 1.0, resamples=200, seed=7)
    share = bootstrap_ratio(y[:, None], np.ones((12, 1)), resamples=200, seed=7)
    np.testing.assert_array_equal(np.isnan(auc.samples[:, 0]), np.isin(share.samples[:, 0], (0, 1)))


def test_nothing_to_divide_by_is_nan_and_shapes_are_checked():
    result = bootstrap_ratio(np.zeros((4, 1)), np.zeros((4, 1)), resamples=10, seed=0)
    assert np.isnan([result.value[0], result.low[0], result.high[0]]).all()
    with pytest.raises(ValueError, match=r"must both be \[n, k\]"):
        bootstrap_ratio(np.zeros(4), np.zeros((4, 1)), seed=0)
    with pytest.raises(ValueError, match="NaN or infinite"):
        bootstrap_ratio(np.full((4, 1), np.nan), np.ones((4, 1)), seed=0)
