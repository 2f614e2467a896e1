"""Raw scores to log-odds, against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax

from diffchest.classifiers.outputs import LEAST, Outputs, to_logits, unbend
from diffchest.errors import DataError

TRUE = np.array([[-2.0, 0.5, 3.0], [1.0, -1.0, 0.0]])
NAMES = ("a", "b", "c")


def of(scores, kind, **more):
    return to_logits(scores, Outputs(kind, NAMES, **more), source="theirs")


def test_logits_stay_and_probabilities_are_turned_back():
    np.testing.assert_allclose(of(TRUE, "logit")[0], TRUE, rtol=1e-6)
    np.testing.assert_allclose(of(expit(TRUE), "probability")[0], TRUE, rtol=1e-5, atol=1e-6)


def test_outputs_without_a_name_are_left_out():
    found, _ = to_logits(TRUE, Outputs("logit", ("a", None, "c")), source="theirs")
    np.testing.assert_allclose(found, TRUE[:, [0, 2]])


def test_a_softmax_is_one_against_all_others():
    p = softmax(TRUE, axis=1)
    expected = np.log(p) - np.log(1 - p)
    np.testing.assert_allclose(of(p, "softmax")[0], expected, rtol=1e-5)
    np.testing.assert_allclose(of(TRUE, "softmax_logit")[0], expected, rtol=1e-5)


def test_logits_before_a_softmax_do_not_saturate():
    far = np.array([[80.0, 0.0, -80.0]])
    np.testing.assert_allclose(of(far, "softmax_logit")[0], [[80.0, -80.0, -160.0]], rtol=1e-6)
    with pytest.raises(DataError, match="a softmax of one output is always 1"):
        to_logits(far[:, :1], Outputs("softmax_logit", ("a",)), source="theirs")


def test_probabilities_of_0_and_1_are_clipped_and_counted():
    found, clipped = of(np.array([[0.0, 1.0, 0.5]]), "probability")
    np.testing.assert_allclose(found, [[np.log(LEAST / (1 - LEAST)), -np.log(LEAST / (1 - LEAST)), 0.0]], rtol=1e-4)
    assert clipped == 2


def test_not_a_number_stays_one():
    found, clipped = of(np.array([[np.nan, 0.5, 0.5]]), "probability")
    assert np.isnan(found[0, 0])
    assert clipped == 0


def test_logits_that_are_called_probabilities_are_refused():
    with pytest.raises(DataError, match=r"theirs: scores from -2 to 3 are no probabilities, but `output` is probabil"):
        of(TRUE, "probability")


def test_a_softmax_that_does_not_sum_to_1_is_refused():
    with pytest.raises(DataError, match=r"do not sum to 1 .*set `output: probability`"):
        of(expit(TRUE), "softmax")


def bent_by_formula(p, t):
    """torchxrayvision: below t its fraction of t, halved; above it as much of what is left, from 0.5."""
    return p / (2 * t) if p < t else 1 - (1 - p) / (2 * (1 - t))


@given(p=st.floats(1e-4, 1 - 1e-4), t=st.floats(0.001, 0.999))
def test_unbending_is_the_inverse_of_bending(p, t):
    assert unbend(np.array([[bent_by_formula(p, t)]]), np.array([t]))[0, 0] == pytest.approx(p, abs=1e-9)


def test_bent_probabilities_give_the_logits_before():
    points = {"a": 0.02, "b": 0.4, "c": 0.7}
    bent = np.vectorize(bent_by_formula)(expit(TRUE), np.array(list(points.values())))
    np.testing.assert_allclose(of(bent, "probability", operating_points=points)[0], TRUE, rtol=1e-4, atol=1e-5)


def test_thresholds_become_logits_under_our_names():
    outputs = Outputs("probability", NAMES, findings={"b": "goiter"}, thresholds={"a": 0.5, "b": expit(2.0)})
    assert outputs.threshold_logits() == pytest.approx({"a": 0.0, "goiter": 2.0})
    assert Outputs("logit", NAMES, thresholds={"c": -1.5}).threshold_logits() == {"c": -1.5}
    bent = Outputs("probability", NAMES, thresholds={"a": 0.5}, operating_points=dict.fromkeys(NAMES, 0.1))
    assert bent.threshold_logits() == pytest.approx({"a": np.log(0.1 / 0.9)})
    with pytest.raises(DataError, match=r"thresholds\.a is 2\.0, but the output is probability"):
        Outputs("probability", NAMES, thresholds={"a": 2.0}).threshold_logits()
