"""The measures behind the gates, against scikit-learn and closed forms."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, roc_auc_score

from diffchest.classifiers import agreement
from tests.helpers.tiny_onnx import some_pictures

RNG = np.random.default_rng(0)


def test_aucs_are_scikit_learns():
    labels, scores = (RNG.random((50, 3)) < 0.4).astype(float), RNG.normal(size=(50, 3))
    expected = [roc_auc_score(labels[:, k], scores[:, k]) for k in range(3)]
    np.testing.assert_allclose(agreement.aucs(labels, scores), expected)
    scores[0, 1], labels[:, 2] = np.nan, 1
    np.testing.assert_array_equal(np.isnan(agreement.aucs(labels, scores)), [False, True, True])


def test_every_output_against_every_finding():
    labels, scores = (RNG.random((50, 2)) < 0.4).astype(float), RNG.normal(size=(50, 2))
    found = agreement.ranked_best(labels, scores)
    assert found[0, 1] == pytest.approx(roc_auc_score(labels[:, 1], scores[:, 0]))


def test_at_the_same_size_nothing_changes_and_what_is_fine_is_lost_else():
    pictures = some_pictures(3, 16)
    assert agreement.at_size_and_back(pictures, 16) is pictures
    flat = np.full((2, 16, 16), 90, np.uint8)
    np.testing.assert_array_equal(agreement.at_size_and_back(flat, 8), flat)
    back = agreement.at_size_and_back(pictures, 8)
    assert (back.shape, back.dtype) == ((3, 16, 16), np.uint8)
    assert back.std() < 0.7 * pictures.std()


def test_differences_of_what_is_no_number():
    some, others = (
        np.array([[1.0, np.nan, np.inf], [2.0, 0.0, 1.0]]),
        np.array([[1.0, np.nan, np.inf], [2.5, 0.0, 1.0]]),
    )
    np.testing.assert_array_equal(agreement.largest_difference(some, others), [0.5, 0.0, 0.0])
    assert np.isnan(agreement.largest_difference(np.array([[1.0]]), np.array([[np.nan]])))[0]


def test_outputs_that_say_the_same():
    a, b = RNG.normal(size=(2, 20))
    assert agreement.twin_outputs(np.column_stack([a, b, a, a]), 1e-6) == {2: 0, 3: 0}
    assert agreement.twin_outputs(np.column_stack([a, b]), 1e-6) == {}


def test_r2_of_a_linear_score_is_what_its_noise_leaves():
    z = RNG.normal(size=(600, 4))
    signal = z @ RNG.normal(size=4)
    noise = RNG.normal(size=600) * signal.std()
    logits = np.column_stack([signal, signal + noise, noise, np.ones(600)])
    found = agreement.carried_by_latents(logits, z, np.arange(600), 5)
    np.testing.assert_allclose(found[:3], [1.0, 0.5, 0.0], atol=0.06)
    assert np.isnan(found[3])


def test_r2_is_that_of_scikit_learn_for_one_penalty(monkeypatch):
    monkeypatch.setattr(agreement, "PENALTIES", [10.0])
    z, patients = RNG.normal(size=(40, 3)), np.repeat(np.arange(20), 2)
    y = z @ [1.0, -1.0, 0.5] + RNG.normal(size=40)
    predicted = np.empty(40)
    for train, test in agreement.GroupKFold(4).split(z, groups=patients):
        mean, sd = z[train].mean(axis=0), z[train].std(axis=0)
        predicted[test] = Ridge(10.0).fit((z[train] - mean) / sd, y[train]).predict((z[test] - mean) / sd)
    found = agreement.carried_by_latents(y[:, None], z, patients, 4)
    assert found[0] == pytest.approx(r2_score(y, predicted))
