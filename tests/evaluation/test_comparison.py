"""Two models compared, finding by finding."""

import pytest

from diffchest.errors import DataError
from diffchest.evaluation.auc import auc_table
from diffchest.evaluation.comparison import comparison_metrics, comparison_table
from diffchest.evaluation.test_set import TestSet
from diffchest.stats import delong_test
from tests.helpers.evaluation import BOOTSTRAP, TESTS

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
    metrics = comparison_metrics(table.reset_index(), reference="pca")
    assert metrics["wins"] + metrics["ties"] + metrics["losses"] == metrics["findings"] == 3
    better = table["difference"] > 0.001
    assert metrics["wins_holm"] == ((table["p_holm"] < 0.05) & better).sum() >= 1
    assert metrics["losses_holm"] == ((table["p_holm"] < 0.05) & ~better).sum()
    turned = comparison_metrics(comparison_table(test_set, *reversed(models), **TESTS), reference="ours")
    assert (turned["wins_holm"], turned["losses_holm"]) == (metrics["losses_holm"], metrics["wins_holm"])


def test_a_model_against_itself_ties_everywhere(test_set, models):
    table = comparison_table(test_set, models[0], models[0], **TESTS)
    assert (table["p_value"] == 1).all()
    assert (table[["difference", "difference_low", "difference_high"]] == 0).all(axis=None)
    assert comparison_metrics(table, reference="itself")["ties"] == 3


def test_a_finding_only_one_model_scores_is_not_compared(test_set, models):
    table = comparison_table(test_set, models[0].drop(columns="weak"), models[1], **TESTS)
    assert sorted(table["finding"]) == ["strong", "third"]
    with pytest.raises(DataError, match="none of the 4 labels has scores of every model"):
        comparison_table(test_set, models[0][["extra"]], models[1], **TESTS)


def test_nothing_abnormal_is_no_finding_to_average(test_set, models):
    """One rule for every mean: that of `evaluate`."""
    names = {"weak": "No Finding"}
    renamed = TestSet(test_set.labels.rename(columns=names), test_set.patients)
    ours, theirs = (model.rename(columns=names) for model in models)
    table = comparison_table(renamed, ours, theirs, **TESTS)
    metrics = comparison_metrics(table, reference="pca")
    _, of_ours = auc_table(renamed, ours, model="ours", drawn=(), params=BOOTSTRAP)
    assert metrics["shared_macro_auc"] == pytest.approx(of_ours["macro_auc"])
    assert (metrics["findings"], of_ours["macro_auc_findings"]) == (2, 2)
    assert metrics["wins"] + metrics["ties"] + metrics["losses"] == 2
    rows = table.set_index("finding").loc[["strong", "third"]]
    assert metrics["mean_difference"] == pytest.approx(rows["difference"].mean())
    assert metrics["reference_shared_macro_auc"] == pytest.approx(rows["reference_auc"].mean())


def test_delong_takes_a_patients_images_together(test_set, models):
    table = comparison_table(test_set, *models, **TESTS).set_index("finding")
    y, a, b = (frame["third"].to_numpy(float) for frame in (test_set.labels, *models))
    together = delong_test(y, a, b, groups=test_set.patients).p_value[0]
    assert table.loc["third", "p_delong"] == pytest.approx(together)
    assert together != pytest.approx(delong_test(y, a, b).p_value[0])
    alone = TESTS | {"bootstrap": BOOTSTRAP.model_copy(update={"unit": "image"})}
    by_image = comparison_table(test_set, *models, **alone).set_index("finding")
    assert by_image.loc["third", "p_delong"] == pytest.approx(delong_test(y, a, b).p_value[0])
