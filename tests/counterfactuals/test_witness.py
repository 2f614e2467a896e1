"""The witness is scikit-learn's linear discriminant of each finding."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from diffchest.counterfactuals.witness import LEAST_SD, fit_witness, no_witness, witness_table

RIDGE = 0.2


class Ridged(BaseEstimator):
    """Covariance of one class with RIDGE added, for scikit-learn."""

    def fit(self, x):
        self.covariance_ = np.cov(x, rowvar=False, bias=True) + RIDGE * np.eye(x.shape[1])
        return self


def drawn(number, side=5, seed=0):
    """Noise with a bright pixel for each of two findings; the last pixel never varies."""
    rng = np.random.default_rng(seed)
    labels = rng.random((number, 2)) < (0.3, 0.5)
    pictures = rng.normal(100, 20, (number, side, side))
    pictures[:, 1, 1] += 25 * labels[:, 0]
    pictures[:, 2, 3] += 15 * labels[:, 1] + 5 * labels[:, 0]
    pictures[:, -1, -1] = 7
    return np.rint(pictures).clip(0, 255).astype(np.uint8), labels


@pytest.mark.parametrize("number", [400, 20])  # more and fewer radiographs than pixels
def test_logits_are_those_of_scikit_learn(number):
    pictures, labels = drawn(number)
    witness = fit_witness(pictures, labels, ["a", "b"], ridge=RIDGE)
    x = pictures.reshape(number, -1).astype(float)
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), LEAST_SD)
    for column in range(2):
        reference = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Ridged())
        expected = reference.fit(x, labels[:, column]).decision_function(x)
        assert witness.logits(pictures)[:, column] == pytest.approx(expected, rel=2e-3, abs=2e-3)


def test_the_table_counts_other_pictures():
    pictures, labels = drawn(600)
    witness = fit_witness(pictures, labels, ["a", "b"])
    others, truth = drawn(200, seed=1)
    table = witness_table(witness, others, truth)
    assert table["positives"].tolist() == truth.sum(axis=0).tolist()
    assert (table["positives"] + table["negatives"]).tolist() == [200, 200]
    for column, auc in enumerate(table["auc"]):
        assert auc == pytest.approx(roc_auc_score(truth[:, column], witness.logits(others)[:, column]))
        assert auc > 0.6


def test_a_finding_without_a_class_is_not_fitted_and_hurts_no_other():
    pictures, labels = drawn(300)
    lacking = np.column_stack([labels[:, 0], np.zeros(300, dtype=bool), np.ones(300, dtype=bool)])
    found = fit_witness(pictures, lacking, ["a", "none", "all"]).logits(pictures)
    assert np.isnan(found[:, 1:]).all()
    alone = fit_witness(pictures, labels[:, :1], ["a"]).logits(pictures)[:, 0]
    assert found[:, 0] == pytest.approx(alone, rel=1e-3, abs=1e-3)


def test_no_witness_says_nothing():
    assert no_witness(5).logits(np.zeros((3, 5, 5), dtype=np.uint8)).shape == (3, 0)
    assert witness_table(no_witness(5), np.empty((0, 5, 5), np.uint8), np.empty((0, 0), bool)).empty
