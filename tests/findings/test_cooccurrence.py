"""Which findings occur together in the labels, by counting; which a picture can show."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from diffchest.findings.cooccurrence import contradicted, count_pairs, go_together, planted_pairs
from diffchest.findings.vocabulary import visible_findings


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


def test_pairs_go_together_when_both_bounds_are_reached():
    counts = pd.DataFrame({"lift": [2.0, 1.99, 9.0, np.nan], "p_b_given_a": [0.1, 0.5, 0.09, np.nan]})
    assert go_together(counts, lift=2.0, cooccurrence=0.1).tolist() == [True, False, False, False]


def test_phantoms_show_what_is_drawn_and_real_radiographs_everything():
    names = ["kyphosis", "pacemaker", "mass", "cardiomegaly"]
    assert visible_findings(names, on_phantoms=True) == ["pacemaker", "cardiomegaly"]
    assert visible_findings(names, on_phantoms=False) == names


def test_labels_contradict_a_pair_that_they_have_together_less_often_than_by_chance():
    few = pd.DataFrame({"a": [1, 1, 0, 0], "b": [0, 0, 1, 1], "c": [1, 0, 1, 0], "d": [0.0] * 4, "e": [np.nan] * 4})
    many = pd.concat([few] * 3, ignore_index=True)
    for labels, sure in ((few, False), (many, True)):
        counts = count_pairs(labels).set_index(["target", "confounder"])
        told = pd.Series(contradicted(counts), index=counts.index)
        row = counts.loc[("a", "b")]
        table = [[row["both"], row["positives_a"] - row["both"]], [0, 0]]
        table[1] = [len(labels) // 2 - row["both"], len(labels) // 2 - table[0][1]]
        assert (stats.fisher_exact(table, alternative="less").pvalue <= 0.05) == sure
        assert told["a", "b"] == sure  # never together, and each in a half: of four that may be chance
        assert not told["a", "c"]  # exactly by chance
        assert not told["a", "d"]  # nobody has it: nothing is known
        assert not told["a", "e"]  # nobody was assessed
