"""Coverage of the intervals and size of the tests on simulated test sets whose AUCs are known (binormal scores)."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from diffchest.stats import bootstrap_auc, delong_test, permutation_test, roc_auc

STUDIES = 400  # one a column; a rate of 5 % has a standard error of 1.1 %
AUC = 0.8


def studies(patients: int, images: int, *aucs: float):
    """Labels, the models' scores [images, studies] and the patients [images]; half a score's variance is its patient's."""
    rng = np.random.default_rng(0)
    y = (rng.random((patients, STUDIES)) < 0.3).astype(float).repeat(images, axis=0)
    scores = []
    for auc in aucs:
        seen = rng.normal(size=(patients, STUDIES)).repeat(images, axis=0)
        scores.append(np.sqrt(2) * norm.ppf(auc) * y + (seen + rng.normal(size=y.shape)) / np.sqrt(2))
    return y, *scores, np.repeat(np.arange(patients), images)


def coverage(y, score, groups):
    result = bootstrap_auc(y, score, groups=groups, resamples=400, seed=0)
    return np.mean((result.low <= AUC) & (result.high >= AUC))


def size(result):
    return np.mean(result.p_value < 0.05)


def test_binormal_scores_have_the_auc_they_are_drawn_for():
    y, a, _ = studies(2000, 1, AUC)
    assert roc_auc(y, a).mean() == pytest.approx(AUC, abs=0.002)


def test_with_one_image_a_patient_intervals_cover_and_tests_keep_their_level():
    y, a, b, patients = studies(150, 1, AUC, AUC)
    assert 0.92 < coverage(y, a, patients) < 0.98
    for result in (
        permutation_test(y, a, b, resamples=1000, seed=0),
        permutation_test(y, a, b, resamples=1000, scores="raw", seed=0),
        delong_test(y, a, b),
    ):
        assert 0.02 < size(result) < 0.085


def test_with_several_images_a_patient_only_groups_are_right():
    y, a, b, patients = studies(80, 4, AUC, AUC)
    assert 0.91 < coverage(y, a, patients) < 0.98
    assert coverage(y, a, None) < 0.85
    assert 0.02 < size(permutation_test(y, a, b, groups=patients, resamples=1000, seed=0)) < 0.085
    assert size(permutation_test(y, a, b, resamples=1000, seed=0)) > 0.12
    assert size(delong_test(y, a, b)) > 0.12
    assert 0.02 < size(delong_test(y, a, b, groups=patients)) < 0.085


def test_swapping_raw_scores_on_different_scales_is_conservative():
    """By rank the power is that of DeLong's test, on whatever scale; raw scores hardly ever differ."""
    y, a, b, _ = studies(150, 1, AUC, 0.65)
    other = 100 + b
    rank, raw = (size(permutation_test(y, a, other, resamples=1000, scores=kind, seed=0)) for kind in ("rank", "raw"))
    assert rank == pytest.approx(size(delong_test(y, a, other)), abs=0.04)
    assert raw < 0.5 * rank


def test_disjoint_intervals_with_a_large_raw_p_as_printed_in_table_s1():
    """Pleural effusion: AUC 0.943 (0.933 to 0.954) and 0.971 (0.964 to 0.978), yet p = 0.195."""
    rng = np.random.default_rng(0)
    y = (np.arange(7943) < 420) * 1.0
    near_zero, near_half = rng.normal(size=(2, 7943)) + np.sqrt(2) * norm.ppf([[0.943], [0.971]]) * y
    near_zero, near_half = expit(2 * near_zero - 6), 0.5 + near_half / 100
    a, b = (bootstrap_auc(y, score, seed=0) for score in (near_zero, near_half))
    assert a.high[0] < b.low[0]
    assert 0.05 < permutation_test(y, near_zero, near_half, scores="raw", seed=0).p_value[0] < 0.5
    assert permutation_test(y, near_zero, near_half, seed=0).p_value[0] < 0.001
