"""The tables of the evaluation against scikit-learn and counting; PCA features."""

import pytest
from sklearn.metrics import roc_auc_score

from diffchest.errors import DataError
from diffchest.evaluation.auc import auc_table
from diffchest.evaluation.test_set import TestSet
from tests.helpers.evaluation import BOOTSTRAP

N = 240


def test_findings_with_few_positives_are_left_out(test_set):
    assert list(test_set.labels.columns) == ["strong", "weak", "third"]
    with pytest.raises(DataError, match=r"none of the 3 findings has more than 500 positives"):
        TestSet.choose(test_set.labels, test_set.patients, positives_above=500)


def test_auc_table_and_macro_auc(test_set, models):
    table, metrics = auc_table(test_set, models[0], model="ours", drawn={"strong"}, params=BOOTSTRAP)
    rows = table.set_index("finding")
    for finding in rows.index:
        known = test_set.labels[finding].notna()
        expected = roc_auc_score(test_set.labels.loc[known, finding], models[0].loc[known, finding])
        assert rows.loc[finding, "auc"] == pytest.approx(expected)
        assert rows.loc[finding, "n"] == known.sum()
        assert rows.loc[finding, "positives"] == (test_set.labels[finding] == 1).sum()
    assert table["auc"].is_monotonic_decreasing
    assert metrics["macro_auc"] == pytest.approx(table["auc"].mean())
    assert metrics["macro_auc_low"] < metrics["macro_auc"] < metrics["macro_auc_high"]
    assert metrics["macro_auc_high"] - metrics["macro_auc_low"] < (table["high"] - table["low"]).max()
    assert metrics["drawn_macro_auc"] == rows.loc["strong", "auc"]
    assert metrics["not_drawn_macro_auc"] == pytest.approx(rows.loc[["weak", "third"], "auc"].mean())
    assert metrics["at_least_0.9"] == (table["auc"] >= 0.9).sum()


def test_nothing_abnormal_is_no_finding_to_average(test_set, models):
    renamed = TestSet(test_set.labels.rename(columns={"weak": "No Finding"}), test_set.patients)
    scores = models[0].rename(columns={"weak": "No Finding"})
    table, metrics = auc_table(renamed, scores, model="ours", drawn=(), params=BOOTSTRAP)
    rows = table.set_index("finding")["auc"]
    assert len(rows) == 3
    assert metrics["macro_auc"] == pytest.approx(rows[["strong", "third"]].mean())


def test_real_radiographs_have_no_drawn_findings(test_set, models):
    table, metrics = auc_table(test_set, models[0], model="ours", drawn=(), params=BOOTSTRAP)
    assert not table["drawn"].any()
    assert "drawn_macro_auc" not in metrics
