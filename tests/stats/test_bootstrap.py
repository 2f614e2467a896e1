"""The patient bootstrap against scipy and against each redraw."""

import numpy as np
import pytest
from scipy import stats as scipy_stats
from sklearn.metrics import roc_auc_score

from diffchest.stats import bootstrap_auc
from diffchest.stats.bootstrap import redraw_counts
from tests.helpers.two_models import two_models


@pytest.mark.parametrize("ties", [False, True])
def test_bootstrap_is_the_auc_of_each_redraw_of_the_patients(ties):
    y, a, _ = two_models(ties=ties)
    y[5] = np.nan
    patients = np.random.default_rng(1).integers(25, size=len(y))
    result = bootstrap_auc(y, a, groups=patients, resamples=40, interval="percentile", seed=3)
    order = {patient: row for row, patient in enumerate(dict.fromkeys(patients.tolist()))}
    counts = redraw_counts(len(order), resamples=40, seed=3)
    assert (counts.sum(axis=0) == len(order)).all()
    rows = [order[patient] for patient in patients.tolist()]
    known = ~np.isnan(y)
    for redraw, sample in enumerate(result.samples[:, 0]):
        weight = counts[rows, redraw]
        assert sample == pytest.approx(roc_auc_score(y[known], a[known], sample_weight=weight[known]))
    np.testing.assert_allclose([result.low[0], result.high[0]], np.quantile(result.samples[:, 0], [0.025, 0.975]))
    assert result.auc[0] == pytest.approx(roc_auc_score(y[known], a[known]))


def test_bootstrap_interval_is_that_of_scipy():
    y, a, _ = two_models(150)
    ours = bootstrap_auc(y, a, resamples=4000, interval="percentile", seed=0)
    theirs = scipy_stats.bootstrap(
        (y, a), lambda y, a: roc_auc_score(y, a), paired=True, vectorized=False, n_resamples=1500, method="percentile",
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert ours.low[0] == pytest.approx(theirs.confidence_interval.low, abs=0.01)
    assert ours.high[0] == pytest.approx(theirs.confidence_interval.high, abs=0.01)


def test_bootstrap_blocks_do_not_change_the_result(monkeypatch):
    y, a, _ = two_models()
    whole = bootstrap_auc(y, a, resamples=50, seed=1).samples
    monkeypatch.setattr("diffchest.stats.bootstrap.BLOCK_VALUES", 200)
    np.testing.assert_array_equal(bootstrap_auc(y, a, resamples=50, seed=1).samples, whole)


def test_redraws_without_a_class_are_counted():
    y = np.zeros(12)
    y[4] = 1
    result = bootstrap_auc(
        np.stack([y, np.zeros(12)], axis=1), np.tile(np.arange(12.0), (2, 1)).T, resamples=2000, seed=0
    )
    expected = 2000 * (11 / 12) ** 12
    assert result.undefined[0] == pytest.approx(expected, rel=0.1)
    assert np.isnan(result.samples[:, 0]).sum() == result.undefined[0]
    assert np.isfinite([result.low[0], result.high[0]]).all()
    assert result.undefined[1] == 2000
    assert np.isnan([result.auc[1], result.low[1], result.high[1]]).all()
