"""The audit's pairs beside the labels, joined by name, and other scores of them."""

import numpy as np
import pandas as pd
import pytest

from diffchest.audit.quality import rivals, with_contradicted, with_planted, with_witness
from diffchest.findings.cooccurrence import count_pairs
from tests.helpers.toy_drawings import toy_classified

OTHERS = ("weight_correlation", "moved_z", "picture", "prevalence_rise")


def pairs(rise):
    """A small audit: two targets with three confounders each, the third of which no one drew."""
    names = [(a, b) for a in ("a", "b") for b in ("a", "b", "c", "dust") if a != b]
    return pd.DataFrame(names, columns=["target", "confounder"]).assign(
        prevalence_rise=rise, flagged=np.array(rise) > 0.5
    )


def test_witness_and_planted_pairs_are_joined_by_name():
    table = pairs([0.9, 0.1, 0.8, 0.2, 0.7, 0.1])
    counts = pd.DataFrame(
        {"target": ["a", "b"], "confounder": ["b", "c"], "p_b_given_a": [0.5, 0.05], "lift": [3.0, 9.0]}
    )
    joined = with_witness(table, counts, kinds={"b": "treatment"}, lift=2.0, cooccurrence=0.1)
    assert joined["agrees_with_labels"].tolist() == [True, False, False, False, False, False]
    assert joined["kind"].tolist() == ["treatment", "", "", "", "", ""]
    planted = with_planted(joined, counts)
    assert planted["planted"].tolist() == [True, False, False, False, True, False]


def test_only_a_flagged_pair_can_be_contradicted_by_labels():
    """a and b are never together in 12 radiographs with 6 of each: 1 of the 924 ways to deal them, p = 0.001."""
    labels = pd.DataFrame({"a": [1, 0] * 6, "b": [0, 1] * 6, "c": [1, 1, 0, 0] * 3}).astype(float)
    names = [("a", "b"), ("b", "a"), ("a", "c"), ("a", "unlabelled")]
    table = pd.DataFrame(names, columns=["target", "confounder"]).assign(flagged=[True, False, True, True])
    told = with_contradicted(table, count_pairs(labels))
    assert told["contradicted_by_labels"].tolist() == [True, False, False, False]


def test_rivals_are_what_their_names_say():
    rng = np.random.default_rng(0)
    labels = pd.DataFrame({"a": rng.random(300) < 0.5, "b": rng.random(300) < 0.3}).astype(float)
    labels["c"] = ((labels["b"] == 1) | (rng.random(300) < 0.1)).astype(float)
    names = [(a, b) for a in ("a", "b", "c") for b in ("a", "b", "c") if a != b]
    columns = {name: np.arange(6.0) + start for start, name in enumerate(OTHERS)}
    table = pd.DataFrame(names, columns=["target", "confounder"]).assign(**columns)
    logits = rng.normal(size=(300, 3)) + labels.to_numpy()
    classified = toy_classified(["a", "b", "c"], logits)
    found = rivals(table, count_pairs(labels), classified, labels)
    row = names.index(("b", "c"))
    assert found["cooccurrence"][row] == pytest.approx(labels.loc[labels["b"] == 1, "c"].mean())
    assert found["lift"][row] == pytest.approx(labels.loc[labels["b"] == 1, "c"].mean() / labels["c"].mean())
    has = labels["c"] == 1
    expected = (logits[has, 1].mean() - logits[~has, 1].mean()) / logits[:, 1].std()
    assert found["difference"][row] == pytest.approx(expected)
    for name, column in {"moved_z": "moved_z", "picture": "picture", "appears": "prevalence_rise"}.items():
        assert found[name].tolist() == table[column].tolist()
    assert found["weight_correlation"].tolist() == table["weight_correlation"].tolist()
