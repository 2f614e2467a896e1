"""Intervals of AUCs near 1, against Hanley and McNeil's variance by simulation, and their coverage."""

import numpy as np
import pytest
from scipy.stats import norm, t

from diffchest.stats import bootstrap_auc, roc_auc
from diffchest.stats.placements import placements
from diffchest.stats.score_interval import TrainingVariance, model_variance, score_interval
from tests.helpers.two_models import two_models

STUDIES = 400


def binormal(positives, negatives, auc, images=1, seed=0):
    """Labels [n], scores [n, studies] and patients of studies with a known AUC; 0.7 of a variance is the patient's."""
    rng = np.random.default_rng(seed)
    y = np.repeat((np.arange(positives + negatives) < positives).astype(float), images)
    patients = np.arange(positives + negatives).repeat(images)
    own = rng.normal(size=(positives + negatives, STUDIES)).repeat(images, axis=0)
    noise = rng.normal(size=own.shape) if images > 1 else own
    share = 0.7 if images > 1 else 0.5
    scores = np.sqrt(share) * own + np.sqrt(1 - share) * noise if images > 1 else own
    return y, np.sqrt(2) * norm.ppf(auc) * y[:, None] + scores, patients


def intervals(y, scores, patients, confidence=0.95):
    return score_interval([placements(y, column, patients) for column in scores.T], confidence)


@pytest.mark.parametrize(
    ("positives", "negatives", "auc", "images"),
    [
        (31, 569, 0.99, 1),
        (31, 569, 0.97, 1),
        (20, 100, 0.9, 1),
        (569, 31, 0.97, 1),
        (40, 160, 0.6, 3),
        (40, 160, 0.97, 3),
    ],
)
def test_intervals_hold_the_truth(positives, negatives, auc, images):
    low, high = intervals(*binormal(positives, negatives, auc, images))
    assert 0.92 <= np.mean((low <= auc) & (auc <= high)) <= 0.995


def test_redraws_near_one_do_not():
    y, scores, _ = binormal(31, 569, 0.99)
    result = bootstrap_auc(
        np.repeat(y[:, None], 150, axis=1), scores[:, :150], resamples=200, interval="percentile", seed=0
    )
    assert np.mean((result.low <= 0.99) & (result.high >= 0.99)) < 0.9


def test_a_perfect_auc_has_a_lower_limit_below_one():
    """A = 1 is the AUC that nearly all positives need: for 30 of them the limit is that of 1 - A <= q sqrt(V(A))."""
    y = (np.arange(600) < 30).astype(float)
    result = bootstrap_auc(y, y, resamples=20, seed=0)
    low = result.low[0]
    assert result.high[0] == result.auc[0] == 1
    assert 1 - low == pytest.approx(
        norm.ppf(0.975) * np.sqrt(model_variance(np.array(low), np.array(30), np.array(570)))
    )
    assert 0.8 < low < 0.96
    reversed_low, reversed_high = bootstrap_auc(y, -y, resamples=20, seed=0).low, 1 - low
    assert (reversed_low[0], bootstrap_auc(y, -y, resamples=20, seed=0).high[0]) == pytest.approx((0, reversed_high))
    assert bootstrap_auc(y, y, resamples=20, interval="percentile", seed=0).low[0] == 1


def test_the_model_is_the_variance_of_exponential_scores():
    """Hanley and McNeil 1982: both scores exponential, positives with a mean of A / (1 - A)."""
    rng, auc = np.random.default_rng(1), 0.9
    negatives, positives = rng.exponential(size=(4000, 40)), rng.exponential(auc / (1 - auc), size=(4000, 15))
    values = (positives[:, :, None] > negatives[:, None, :]).mean(axis=(1, 2))
    assert values.var() == pytest.approx(model_variance(np.array(auc), np.array(15), np.array(40)), rel=0.06)
    assert model_variance(np.array(0.1), np.array(40), np.array(15)) == pytest.approx(
        model_variance(np.array(auc), np.array(15), np.array(40))
    )


def test_of_many_positives_it_is_that_of_the_clustered_variance():
    y, scores, patients = binormal(2000, 2000, 0.75, images=2)
    found = placements(y, scores[:, 0], patients)
    (low,), (high,) = score_interval([found], 0.9)
    half = norm.ppf(0.95) * np.sqrt(found.variance().total)
    auc = roc_auc(y, scores[:, 0])
    assert (low, high) == pytest.approx((auc - half, auc + half), abs=0.1 * half)


def test_the_limits_lie_around_the_auc_and_mirror():
    for seed in range(5):
        y, a, _ = two_models(seed=seed, ties=True)
        codes = np.arange(len(y))
        (low,), (high,) = score_interval([placements(y, a, codes)], 0.95)
        assert 0 <= low <= roc_auc(y, a) <= high <= 1
        (other_low,), (other_high,) = score_interval([placements(y, -a, codes)], 0.95)
        assert (other_low, other_high) == pytest.approx((1 - high, 1 - low))
        (narrow,), _ = score_interval([placements(y, a, codes)], 0.5)
        assert low < narrow


def test_without_a_class_there_is_none_and_of_one_patient_the_model_alone():
    y = np.array([1.0, 1, 0, 0, 0])
    assert placements(np.ones(5), y, np.arange(5)) is None
    assert np.isnan(score_interval([None], 0.95)).all()
    (low,), (high,) = score_interval([placements(y, np.array([3.0, 0.5, 1, 2, 0]), np.array([0, 0, 1, 2, 3]))], 0.95)
    assert low < 0.2
    assert high > 0.95


def test_training_variance_is_added_to_that_of_the_test_patients():
    """In the middle the interval is AUC -+ t sqrt(test variance + training variance), Satterthwaite's t."""
    y, scores, patients = binormal(4000, 4000, 0.7)
    found = placements(y, scores[:, 0], patients)
    test, training = found.variance(), 4 * found.variance().total
    (low,), (high,) = score_interval([found], 0.95, [TrainingVariance(training, 4)])
    total = test.total + training
    freedom = total**2 / (test.total**2 / test.freedom + training**2 / 4)
    assert high - low == pytest.approx(2 * t.ppf(0.975, freedom) * np.sqrt(total), rel=0.02)
