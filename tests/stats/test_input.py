"""What the public functions of diffchest.stats take and refuse, and that they need nothing else of the package."""

import inspect
import subprocess
import sys

import numpy as np
import pytest

from diffchest import stats

Y = np.array([0, 1, 0, 1, 0, 1, 0, 1.0])
A = np.array([0.1, 0.9, 0.4, 0.3, 0.2, 0.8, 0.6, 0.7])
B = A[::-1].copy()

ON_SCORES = {
    "roc_auc": lambda y, score, **options: stats.roc_auc(y, score, **options),
    "bootstrap_auc": lambda y, score, **options: stats.bootstrap_auc(y, score, **{"seed": 0, **options}),
    "permutation_test": lambda y, score, **options: stats.permutation_test(y, score, B, **{"seed": 0, **options}),
    "delong_test": lambda y, score: stats.delong_test(y, score, B),
}
on_scores = pytest.mark.parametrize("function", ON_SCORES.values(), ids=ON_SCORES.keys())
resampling = pytest.mark.parametrize("name", ["bootstrap_auc", "permutation_test"])


@on_scores
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_refused(function, bad):
    with pytest.raises(ValueError, match="scores 0: 1 NaN or infinite, the first in row 3"):
        function(Y, np.where(np.arange(8) == 3, bad, A))


def test_a_bad_second_model_is_named():
    for test in (stats.delong_test, lambda *arrays: stats.permutation_test(*arrays, seed=0)):
        with pytest.raises(ValueError, match="scores 1: 8 NaN or infinite"):
            test(Y, A, A * np.nan)


@on_scores
@pytest.mark.parametrize("label", [2, -1, np.inf])
def test_other_labels_are_refused(function, label):
    with pytest.raises(ValueError, match=f"labels must be 0, 1 or NaN, found {label}"):
        function(np.where(np.arange(8) == 3, label, Y), A)


@on_scores
@pytest.mark.parametrize(
    ("y", "score", "message"),
    [
        (Y, A[:-1], "shapes must agree"),
        (np.stack([Y, Y], axis=1), A, "shapes must agree"),
        (Y, np.stack([A, A], axis=1), "shapes must agree"),
        (1.0, 0.5, r"labels must be \[n\] or \[n, findings\], found \[\]"),
        (Y.reshape(2, 2, 2), A.reshape(2, 2, 2), r"labels must be \[n\] or \[n, findings\], found \[2, 2, 2\]"),
    ],
)
def test_shapes_that_disagree_are_refused(function, y, score, message):
    with pytest.raises(ValueError, match=message):
        function(y, score)


@pytest.mark.parametrize("label", [0.0, 1.0, np.nan])
def test_one_class_only_gives_nan(label):
    y = np.full(8, label)
    assert np.isnan(stats.roc_auc(y, A))
    boot = stats.bootstrap_auc(y, A, resamples=10, seed=0)
    assert np.isnan([boot.auc, boot.low, boot.high]).all()
    assert boot.undefined[0] == 10
    for result in (stats.permutation_test(y, A, B, resamples=10, seed=0), stats.delong_test(y, A, B)):
        assert np.isnan([result.difference, result.p_value]).all()


def test_constant_scores_are_worth_one_half():
    constant = np.full(8, 3.0)
    assert stats.roc_auc(Y, constant) == 0.5
    boot = stats.bootstrap_auc(Y, constant, resamples=50, interval="percentile", seed=0)
    assert (boot.auc[0], boot.low[0], boot.high[0]) == (0.5, 0.5, 0.5)
    boot = stats.bootstrap_auc(Y, constant, resamples=50, seed=0)
    assert boot.low[0] < 0.5 < boot.high[0]
    for result in (stats.permutation_test(Y, constant, constant, seed=0), stats.delong_test(Y, constant, constant)):
        assert (result.difference[0], result.p_value[0]) == (0, 1)


def test_delong_needs_two_of_each_class():
    assert np.isnan(stats.delong_test([1, 0, 0, 0], A[:4], B[:4]).p_value[0])


def test_delong_of_differing_aucs_without_any_variance():
    result = stats.delong_test(Y, Y, np.zeros(8))
    assert (result.difference[0], result.se[0], result.p_value[0]) == (0.5, 0, 0)


@resampling
def test_fewer_than_two_groups_are_refused(name):
    with pytest.raises(ValueError, match="fewer than two groups"):
        ON_SCORES[name](Y, A, groups=["one"] * 8)
    with pytest.raises(ValueError, match="fewer than two groups"):
        stats.bootstrap_auc([1], [0.5], seed=0)
    with pytest.raises(ValueError, match="fewer than two groups"):
        stats.permutation_test([], [], [], seed=0)


@resampling
@pytest.mark.parametrize(
    "missing", [np.array([1, 1, 2, np.nan] * 2), np.array(["a", "b", "c", None] * 2, dtype=object)]
)
def test_rows_without_a_group_are_refused(name, missing):
    """Otherwise they would all count as one patient."""
    with pytest.raises(ValueError, match="groups: row 3 has none"):
        ON_SCORES[name](Y, A, groups=missing)
    with pytest.raises(ValueError, match=r"groups must be \[8\], one per row, found \[7\]"):
        ON_SCORES[name](Y, A, groups=np.arange(7))


@resampling
def test_names_of_groups_do_not_matter(name):
    results = [ON_SCORES[name](Y, A, groups=g, resamples=99) for g in ([7, 7, 3, 3, 5, 5, 4, 4], list("bbaaddcc"))]
    for field in vars(results[0]):
        np.testing.assert_array_equal(*(getattr(result, field) for result in results))


@resampling
@pytest.mark.parametrize("resamples", [0, -1, 10.5, "many", None])
def test_impossible_numbers_of_resamples_are_refused(name, resamples):
    with pytest.raises(ValueError, match="resamples must be a whole number of at least 1"):
        ON_SCORES[name](Y, A, resamples=resamples)
    with pytest.raises(ValueError, match="resamples must be a whole number of at least 1"):
        stats.fleiss_kappa(np.eye(3), resamples=resamples)


@pytest.mark.parametrize("confidence", [0, 1, 1.5, 95, -0.1, np.nan])
def test_impossible_confidence_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1"):
        stats.bootstrap_auc(Y, A, confidence=confidence, seed=0)
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1"):
        stats.fleiss_kappa(np.eye(3), confidence=confidence)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="scores must be 'rank' or 'raw', found 'Rank'"):
        stats.permutation_test(Y, A, B, scores="Rank", seed=0)
    with pytest.raises(ValueError, match="interval must be 'score' or 'percentile', found 'bca'"):
        stats.bootstrap_auc(Y, A, interval="bca", seed=0)
    with pytest.raises(ValueError, match="method must be one of holm, bh, found 'fdr'"):
        stats.adjust([0.1], method="fdr")


@pytest.mark.parametrize("p", [-0.1, 1.1, np.inf])
def test_p_values_out_of_range_are_refused(p):
    with pytest.raises(ValueError, match=r"p-values must lie in \[0, 1\]"):
        stats.adjust([0.5, p, np.nan])


def test_adjusting_nothing_and_a_table():
    assert stats.adjust([]).shape == (0,)
    np.testing.assert_allclose(stats.adjust([[0.01, np.nan], [0.03, 0.02]]), [[0.03, np.nan], [0.04, 0.04]])


@pytest.mark.parametrize("shape", [(5,), (5, 1), (1, 5), (0, 3), (2, 2, 2)])
def test_ratings_that_no_two_readers_gave_are_refused(shape):
    for function in (stats.fleiss_kappa, stats.gwet_ac1, stats.krippendorff_alpha, stats.pairwise_agreement):
        with pytest.raises(ValueError, match="ratings must be"):
            function(np.ones(shape))


def test_ratings_that_will_not_do_are_named():
    with pytest.raises(ValueError, match="item 2 has no rating by reader 0"):
        stats.pairwise_agreement([[1, 0], [0, 0], [np.nan, 1]])
    for function in (stats.fleiss_kappa, stats.gwet_ac1, stats.krippendorff_alpha, stats.pairwise_agreement):
        with pytest.raises(ValueError, match="item 2 has an infinite rating by reader 0"):
            function([[1, 0], [0, 0], [np.inf, 1]])


@pytest.mark.parametrize("resamples", [1, 999, 1000, 1001])
def test_p_is_a_share_of_all_permutations_and_never_0(resamples):
    """b is noise and a perfect: hardly any swap reaches the difference."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(200) < 50) * 1.0
    p = stats.permutation_test(y, y, rng.normal(size=200), resamples=resamples, seed=0).p_value[0]
    assert p == 1 / (1 + resamples)


def test_signatures():
    expected = {
        "roc_auc": "(y, score)",
        "bootstrap_auc": "(y, scores, *, groups=None, resamples=1000, confidence=0.95, interval='score', seed)",
        "permutation_test": "(y, score_a, score_b, *, groups=None, resamples=10000, scores='rank', seed)",
        "delong_test": "(y, score_a, score_b, *, groups=None)",
        "adjust": "(p, method='holm')",
    }
    for name, signature in expected.items():
        found = inspect.signature(getattr(stats, name))
        bare = [value.replace(annotation=inspect.Parameter.empty) for value in found.parameters.values()]
        assert str(inspect.Signature(bare)) == signature
    assert type(stats.roc_auc(Y, A)) is float


def test_nothing_heavy_is_imported():
    """The statistics serve score files of any origin, so they load neither torch nor the rest of the package."""
    code = "import sys, diffchest.stats; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(output.stdout.split())
    assert not modules & {"torch", "sklearn", "matplotlib", "dvc", "lmdb", "pydantic"}
    assert {
        name for name in modules if name.startswith("diffchest.") and not name.startswith("diffchest.stats")
    } == set()
