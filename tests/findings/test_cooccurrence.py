"""How findings occur together in the labels."""

import numpy as np
import pandas as pd
import pytest

from diffchest.findings.cooccurrence import count_pairs, planted_pairs


def test_cooccurrence_is_what_counting_gives():
    nan = np.nan
    labels = pd.DataFrame({"valve": [1, 1, 1, 0, 0, 0, 0, nan], "wires": [1, 1, 0, 1, 0, 0, nan, 1.0]})
    pair = count_pairs(labels).set_index(["target", "confounder"]).loc[("valve", "wires")]
    assert (pair["positives_a"], pair["both"]) == (3, 2)
    assert pair["p_b_given_a"] == pytest.approx(2 / 3)
    assert pair["p_b"] == pytest.approx(3 / 6)
    assert pair["lift"] == pytest.approx(2 / 3 / 0.5)


def test_planted_pairs_are_drawn_and_reach_both_bounds():
    rng = np.random.default_rng(0)
    a = rng.random(4000) < 0.1
    labels = (
        pd.DataFrame({"a": a, "b": (a & (rng.random(4000) < 0.6)) | (rng.random(4000) < 0.05), "c": a, "d": ~a}) * 1.0
    )
    planted = planted_pairs(labels, ["a", "b", "d"], lift=2.0, cooccurrence=0.5)
    assert list(zip(planted["target"], planted["confounder"], strict=True)) == [("a", "b"), ("b", "a")]
    assert planted_pairs(labels, ["a", "b", "d"], lift=2.0, cooccurrence=0.99).empty
    assert planted_pairs(labels, [], lift=2.0, cooccurrence=0.5).empty
