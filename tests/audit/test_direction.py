"""A classifier's directions in z, where its scores are a linear function of z."""

import numpy as np
import pytest

from diffchest.audit.direction import own_direction
from diffchest.classifiers.surrogate import fit_surrogate
from tests.helpers.toy_autoencoder import DIMENSIONS, toy_head, toy_moves
from tests.helpers.toy_drawings import toy_classified


def test_the_direction_of_a_linear_classifier_is_its_weights():
    head, rng = toy_head(3), np.random.default_rng(0)
    z = rng.standard_normal((600, DIMENSIONS)).astype(np.float32) * head.sd + head.mean
    other = toy_head(2, seed=9)
    other = other.__class__(**{**vars(other), "findings": ["finding 1", "ring"], "mean": head.mean, "sd": head.sd})
    logits = other.logits(z)
    weight, bias = fit_surrogate((z - head.mean) / head.sd, logits)
    assert weight == pytest.approx(other.weight.astype(float), abs=0.01)
    assert bias == pytest.approx(other.bias.astype(float), abs=0.01)
    classified = toy_classified(other.findings, logits, weight=weight, bias=bias)
    moves = toy_moves(head, alone=np.arange(18.0).reshape(3, 1, 6))
    direction, fitted = own_direction(classified, z, head, moves)
    assert direction.logits(z) == pytest.approx(logits, abs=0.05)
    assert fitted.findings == direction.findings == ["finding 1", "ring"]
    assert fitted.alone[0, 0].tolist() == [6, 7, 8, 9, 10, 11]
    assert np.isnan(fitted.alone[1]).all()
    called = 1 / (1 + np.exp(-logits[:, 1].astype(float)))
    standard = (z - head.mean) / head.sd
    expected = np.average(standard, axis=0, weights=called) - np.average(standard, axis=0, weights=1 - called)
    assert fitted.typical[1] == pytest.approx(expected, abs=1e-5)
