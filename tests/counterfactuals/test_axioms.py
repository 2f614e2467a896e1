"""Composition and reversibility, by hand."""

import numpy as np
import pytest

from diffchest.contracts.explained import Axioms
from diffchest.counterfactuals.axioms import MEASURES, axioms_table


def test_errors_are_mean_absolute_differences():
    rng = np.random.default_rng(0)
    original = rng.integers(0, 256, (3, 8, 8), dtype=np.uint8)
    returned = rng.integers(0, 256, (3, 2, 8, 8), dtype=np.uint8)
    unmoved = rng.integers(0, 256, (3, 10, 8, 8), dtype=np.uint8)
    table = axioms_table(Axioms(["a", "b", "c"], ["goiter", "hernia"], original, returned, unmoved))
    assert table[["image_id", "target"]].to_numpy().tolist()[:3] == [["a", "goiter"], ["a", "hernia"], ["b", "goiter"]]
    row = table.set_index(["image_id", "target"]).loc[("b", "hernia")]
    by_hand = {
        "reversibility": np.mean(np.abs(returned[1, 1] / 255 - original[1] / 255)),
        "composition_1": np.mean(np.abs(unmoved[1, 0] / 255 - original[1] / 255)),
        "composition_10": np.mean(np.abs(unmoved[1, 9] / 255 - original[1] / 255)),
    }
    assert tuple(by_hand) == MEASURES
    for name, value in by_hand.items():
        assert row[name] == pytest.approx(value)
