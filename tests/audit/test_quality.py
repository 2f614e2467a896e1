"""How good the audit is: joined by name, and measured as scikit-learn defines it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from diffchest.audit.quality import audit_metrics, with_planted, with_witness


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


def test_metrics_count_only_pairs_whose_truth_is_known():
    table = pairs([0.9, 0.1, 0.8, 0.2, 0.7, 0.1])
    table["planted"] = [True, False, False, False, True, False]
    rival = np.array([0.0, np.nan, 1.0, 0.5, 0.4, 1.0])
    metrics = audit_metrics(table, {"rival": rival}, drawn={"a", "b", "c"})
    assert metrics["flagged"] == 3
    assert metrics["drawn_flagged"] == 2
    assert (metrics["precision"], metrics["recall"], metrics["average_precision"]) == (1.0, 1.0, 1.0)
    expected = average_precision_score([True, False, False, True], [0.0, -1.0, 0.5, 0.4])
    assert metrics["rivals"]["rival"] == pytest.approx({"precision": 0.5, "recall": 0.5, "average_precision": expected})


def test_metrics_without_planted_pairs_are_undefined():
    table = pairs([0.9, 0.1, 0.8, 0.2, 0.7, 0.1]).assign(planted=False)
    metrics = audit_metrics(table, {}, drawn=set())
    assert np.isnan([metrics["precision"], metrics["recall"], metrics["average_precision"]]).all()
