"""The paired permutation test against all swaps and scipy."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from sklearn.metrics import roc_auc_score

from diffchest.stats import delong_test, permutation_test, roc_auc
from diffchest.stats.permutation import swap_contributions
from tests.helpers.two_models import two_models


def every_swap(y, a, b, groups, transform):
    """AUC differences of all 2^G swaps."""
    a, b = transform(a), transform(b)
    names = np.unique(groups)
    for swapped in itertools.product([False, True], repeat=len(names)):
        swap = np.isin(groups, names[np.array(swapped)])
        yield roc_auc_score(y, np.where(swap, b, a)) - roc_auc_score(y, np.where(swap, a, b))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("scores", "transform"), [("rank", scipy_stats.rankdata), ("raw", np.asarray)])
def test_permutation_p_is_that_of_all_swaps(ties, scores, transform):
    y, a, b = two_models(24, seed=2, ties=ties)
    groups = np.arange(24) % 9
    all_differences = np.array(list(every_swap(y, a, b, groups, transform)))
    exact = np.mean(np.abs(all_differences) >= np.abs(all_differences[0]) - 1e-12)
    result = permutation_test(y, a, b, groups=groups, resamples=20_000, scores=scores, seed=0)
    assert result.difference[0] == pytest.approx(roc_auc_score(y, a) - roc_auc_score(y, b))
    assert result.p_value[0] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)


def test_permutation_p_is_that_of_scipy():
    y, a, b = two_models(40, seed=4)
    ranks = scipy_stats.rankdata(a), scipy_stats.rankdata(b)
    theirs = scipy_stats.permutation_test(
        ranks, lambda a, b: roc_auc(y, a) - roc_auc(y, b), permutation_type="samples", vectorized=False,
        n_resamples=2000, rng=np.random.default_rng(0),
    )  # fmt: skip
    ours = permutation_test(y, a, b, resamples=20_000, seed=0)
    assert ours.difference[0] == pytest.approx(theirs.statistic)
    assert ours.p_value[0] == pytest.approx(theirs.pvalue, abs=4 * np.sqrt(0.25 / 2000))


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_each_swap_changes_the_difference_by_its_contribution(seed):
    y, a, b = two_models(15, seed=seed, ties=True)
    whole = swap_contributions(y == 1, a, b)
    np.testing.assert_array_equal(whole, np.round(whole))  # so that sums are exact and ties with the observed count
    parts = whole / 4 / (y.sum() * (1 - y).sum())
    swap = np.random.default_rng(seed).random(15) < 0.5
    swapped = roc_auc_score(y, np.where(swap, b, a)) - roc_auc_score(y, np.where(swap, a, b))
    assert np.where(swap, -parts, parts).sum() == pytest.approx(swapped)


def test_permutation_ignores_scale_by_rank_and_handles_missing_labels_and_classes():
    y, a, b = two_models()
    labels = np.stack([y, np.zeros_like(y), y], axis=1)
    labels[:8, 2] = np.nan
    stacked = [np.tile(score, (3, 1)).T for score in (a, np.exp(5 * b))]
    result = permutation_test(labels, *stacked, resamples=500, seed=0)
    plain = permutation_test(y, a, b, resamples=500, seed=0)
    assert result.p_value[0] == plain.p_value[0]
    assert np.isnan([result.p_value[1], result.difference[1]]).all()
    assert result.difference[2] == pytest.approx(roc_auc_score(y[8:], a[8:]) - roc_auc_score(y[8:], b[8:]))


def test_a_model_does_not_differ_from_itself():
    y, a, _ = two_models()
    assert permutation_test(y, a, a, resamples=99, seed=0).p_value[0] == 1
    assert delong_test(y, a, a).p_value[0] == 1
