import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from diffchest.small_cnn.quality import auc_by_finding, auc_metrics


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    ids = [f"i{number}" for number in range(60)]
    labels = pd.DataFrame((rng.random((60, 3)) < 0.4) * 1.0, index=ids, columns=["goiter", "normal", "kyphosis"])
    logits = pd.DataFrame(labels.to_numpy() + rng.normal(size=(60, 3)), index=ids, columns=labels.columns)
    return labels, logits


def test_auc_is_that_of_scikit_learn_whatever_the_order_of_rows_and_columns(scored):
    labels, logits = scored
    labels.iloc[:7, 2] = np.nan
    found = auc_by_finding(labels, logits.iloc[::-1, ::-1].assign(more=0.0))
    assert found.index.tolist() == ["goiter", "normal", "kyphosis"]
    expected = [
        roc_auc_score(labels.iloc[start:, column], logits.iloc[start:, column])
        for column, start in ((0, 0), (1, 0), (2, 7))
    ]
    assert found.to_numpy() == pytest.approx(expected)


def test_a_finding_that_is_not_scored_is_left_out_and_one_without_a_class_is_nan(scored):
    labels, logits = scored
    labels["goiter"] = 0.0
    found = auc_by_finding(labels, logits.drop(columns="kyphosis"))
    assert found.index.tolist() == ["goiter", "normal"]
    assert np.isnan(found["goiter"])


KINDS = ["finding", "normal", "finding"]


def test_the_label_for_nothing_is_no_finding_to_average():
    auc = pd.Series({"goiter": 0.9, "normal": 0.1, "kyphosis": 0.5})
    metrics = auc_metrics(auc, KINDS, drawn=["goiter"])
    assert metrics["macro_auc"] == pytest.approx(0.7)
    assert (metrics["drawn_macro_auc"], metrics["not_drawn_macro_auc"]) == (0.9, 0.5)
    assert metrics["auc"] == auc.to_dict()
    assert (metrics["findings"], metrics["macro_auc_findings"]) == (3, 2)
    assert "drawn_macro_auc" not in auc_metrics(auc, KINDS, drawn=())
