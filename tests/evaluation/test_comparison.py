"""Two models compared, finding by finding."""

import pytest

from diffchest.errors import DataError
from diffchest.evaluation.comparison import comparison_metrics, comparison_table
from tests.helpers.evaluation import TESTS

N = 240


def test_comparison_finds_the_difference_that_is_there(test_set, models):
    table = comparison_table(test_set, *models, **TESTS).set_index("finding")
    strong = table.loc["strong"]
    assert strong["difference"] == pytest.approx(strong["auc"] - strong["reference_auc"])
    assert 0 < strong["difference_low"] < strong["difference"] < strong["difference_high"]
    assert strong["p_value"] == pytest.approx(1 / 501)
    assert strong["p_delong"] < 0.001
    assert (table["p_holm"] >= table["p_bh"]).all()
    assert (table["p_bh"] >= table["p_value"]).all()
    metrics = comparison_metrics(table, reference="pca")
    assert metrics["wins"] + metrics["ties"] + metrics["losses"] == metrics["findings"] == 3
    assert metrics["significant_holm"] >= 1


def test_a_model_against_itself_ties_everywhere(test_set, models):
    table = comparison_table(test_set, models[0], models[0], **TESTS)
    assert (table["p_value"] == 1).all()
    assert (table[["difference", "difference_low", "difference_high"]] == 0).all(axis=None)
    assert comparison_metrics(table, reference="itself")["ties"] == 3


def test_a_finding_only_one_model_scores_is_not_compared(test_set, models):
    table = comparison_table(test_set, models[0].drop(columns="weak"), models[1], **TESTS)
    assert sorted(table["finding"]) == ["strong", "third"]
    with pytest.raises(DataError, match="none of the 3 evaluated findings has scores of every model"):
        comparison_table(test_set, models[0][["extra"]], models[1], **TESTS)
