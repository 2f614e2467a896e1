"""AUC, its bootstrap and the paired tests against scikit-learn, SciPy, brute force and laws that must hold."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from sklearn.metrics import roc_auc_score

from diffchest.stats import bootstrap_auc, delong_test, permutation_test, roc_auc
from diffchest.stats.bootstrap import redraw_counts
from diffchest.stats.permutation import swap_contributions


def two_models(n: int = 60, seed: int = 0, *, ties: bool = False):
    rng = np.random.default_rng(seed)
    y = rng.permutation((np.arange(n) < n // 3).astype(float))
    a, b = rng.normal(size=(2, n)) + y * [[1.2], [0.5]]
    return y, *((np.round(a), np.round(b)) if ties else (a, b))


cases = st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=40).filter(
    lambda rows: len({positive for positive, _ in rows}) == 2
)


@given(cases)
def test_auc_is_that_of_scikit_learn_and_obeys_its_laws(rows):
    y, score = np.array(rows, dtype=float).T
    value = roc_auc(y, score)
    assert value == pytest.approx(roc_auc_score(y, score))
    assert roc_auc(y, np.exp(score) * 3 - 1) == value
    assert roc_auc(y, -score) == pytest.approx(1 - value)
    assert roc_auc(1 - y, score) == pytest.approx(1 - value)


def test_auc_of_many_findings_with_missing_labels_and_classes():
    y, a, b = two_models()
    labels = np.stack([y, np.zeros_like(y), y], axis=1)
    labels[:7, 2] = np.nan
    values = roc_auc(labels, np.stack([a, a, b], axis=1))
    expected = [roc_auc_score(y, a), np.nan, roc_auc_score(y[7:], b[7:])]
    np.testing.assert_allclose(values, expected)


@pytest.mark.parametrize("ties", [False, True])
def test_bootstrap_is_the_auc_of_each_redraw_of_the_patients(ties):
    y, a, _ = two_models(ties=ties)
    y[5] = np.nan
    patients = np.random.default_rng(1).integers(25, size=len(y))
    result = bootstrap_auc(y, a, groups=patients, resamples=40, seed=3)
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
    ours = bootstrap_auc(y, a, resamples=4000, seed=0)
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


def delong_by_definition(y, a, b):
    """DeLong 1988, equations 4 to 8, pair by pair."""

    def components(score):
        x, z = score[y == 1], score[y == 0]
        kernel = (x[:, None] > z).astype(float) + 0.5 * (x[:, None] == z)
        return kernel.mean(axis=1), kernel.mean(axis=0)

    v10, v01 = zip(components(a), components(b), strict=True)
    covariance = np.cov(v10) / (y == 1).sum() + np.cov(v01) / (y == 0).sum()
    contrast = np.array([1, -1])
    difference, se = contrast @ np.mean(v10, axis=1), np.sqrt(contrast @ covariance @ contrast)
    return difference, se, 2 * scipy_stats.norm.sf(abs(difference) / se)


@pytest.mark.parametrize("ties", [False, True])
def test_delong_by_its_definition(ties):
    for seed in range(5):
        y, a, b = two_models(seed=seed, ties=ties)
        ours = delong_test(y, a, b)
        expected = delong_by_definition(y, a, b)
        np.testing.assert_allclose([ours.difference[0], ours.se[0], ours.p_value[0]], expected)


@pytest.mark.parametrize("finding", ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"])
def test_six_public_models_on_the_real_chexpert_test_set(shared, finding):
    """Real scores, which lie on six different scales; some models share a column."""
    folder = shared / "data" / "chexpert_test"
    truth = pd.read_csv(folder / "groundtruth.csv").set_index("Study")
    tables = [pd.read_csv(path).set_index("Study").loc[truth.index] for path in sorted(folder.glob("models/*.csv"))]
    assert len(tables) == 6
    y, scores = truth[finding].to_numpy(), [table[finding].to_numpy() for table in tables]
    for score in scores:
        assert roc_auc(y, score) == pytest.approx(roc_auc_score(y, score))
    for a, b in itertools.combinations(scores, 2):
        delong, swapped = delong_test(y, a, b), permutation_test(y, a, b, resamples=1000, seed=0)
        if np.array_equal(a, b):
            assert delong.p_value[0] == swapped.p_value[0] == 1
        else:
            np.testing.assert_allclose(delong.p_value[0], delong_by_definition(y, a, b)[2], rtol=1e-6)
            assert swapped.p_value[0] == pytest.approx(delong.p_value[0], abs=0.15)
