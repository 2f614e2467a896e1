"""The witness's logits, by hand."""

import numpy as np
import pytest

from diffchest.contracts.witness import Witness

RNG = np.random.default_rng(0)


def test_logits_are_linear_in_standardised_pixels(tmp_path):
    weight, mean = RNG.normal(size=(3, 16)).astype(np.float32), RNG.uniform(0, 255, 16).astype(np.float32)
    bias, sd = RNG.normal(size=3).astype(np.float32), RNG.uniform(1, 9, 16).astype(np.float32)
    Witness(["a", "b", "c"], weight, bias, mean, sd).save(tmp_path / "witness.npz")
    witness = Witness.load(tmp_path / "witness.npz")
    pictures = RNG.integers(0, 256, (5, 4, 4), dtype=np.uint8)
    expected = [[sum((picture.ravel() - mean) / sd * weight[f]) + bias[f] for f in range(3)] for picture in pictures]
    assert witness.logits(pictures) == pytest.approx(np.array(expected), rel=1e-4)
    assert witness.only("b").findings == ["b"]
    assert witness.only("b").logits(pictures)[:, 0] == pytest.approx(np.array(expected)[:, 1], rel=1e-4)
