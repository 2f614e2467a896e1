"""The tables of the evaluation against scikit-learn and counting; PCA features."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from diffchest.evaluation.auc import auc_table
from diffchest.evaluation.calibration import calibration_tables
from diffchest.evaluation.comparison import comparison_metrics, comparison_table
from diffchest.evaluation.subgroups import subgroup_tables
from diffchest.evaluation.test_set import TestSet
from tests.helpers.evaluation import BOOTSTRAP, GROUPS, TESTS

N = 240


def test_findings_with_few_positives_are_only_listed(test_set):
    assert list(test_set.labels.columns) == ["strong", "weak", "third"]
    assert list(test_set.unjudged.columns) == ["absent"]


def test_auc_table_and_macro_auc(test_set, models):
    table, metrics = auc_table(test_set, models[0], model="ours", drawn={"strong"}, params=BOOTSTRAP)
    assert table["finding"].iloc[-1] == "absent"
    table = table[table["reason"] == ""]
    rows = table.set_index("finding")
    assert list(rows.index) == ["strong", "third", "weak"]
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


@pytest.fixture
def small() -> tuple[TestSet, pd.DataFrame]:
    """100 radiographs: mass with 2 positives and fibrosis with 1, ranked perfectly; 40 of all else."""
    positives = {"mass": 2, "fibrosis": 1, "edema": 40, "effusion": 40, "AP view": 40, "few seen": 40}
    labels = pd.DataFrame({name: (np.arange(100) < number) * 1.0 for name, number in positives.items()})
    seen = pd.DataFrame({"n": 200, "positives": 80}, index=list(positives))
    seen.loc["few seen", "positives"] = 4
    test = TestSet.choose(labels, np.arange(100), positives_above=10, seen=seen, indicators={"AP view"})
    scores = labels + np.random.default_rng(0).normal(size=labels.shape) * [0, 0, 1, 1, 0, 1]
    return test, scores


def test_few_cases_have_counts_and_a_reason_and_no_interval(small):
    test, scores = small
    table, metrics = auc_table(test, scores, model="ours", drawn=(), params=BOOTSTRAP, fitted_on=test.seen)
    rows = table.set_index("finding")
    few = ["few seen", "mass", "fibrosis"]
    assert table["finding"].tolist()[3:] == few
    assert rows.loc[few, ["auc", "low", "high", "undefined_redraws"]].isna().all(axis=None)
    assert rows.loc[few, ["n", "positives", "finetune_n", "finetune_positives"]].to_numpy().tolist() == [
        [100, 40, 200, 4],
        [100, 2, 200, 80],
        [100, 1, 200, 80],
    ]
    assert rows.loc["few seen", "reason"] == "4 fine-tuning positives, more than 10 are needed"
    assert rows.loc["mass", "reason"] == "2 test positives, more than 10 are needed"
    known = [roc_auc_score(test.labels[name], scores[name]) for name in ("edema", "effusion")]
    assert metrics["macro_auc"] == pytest.approx(np.mean(known))
    assert (metrics["macro_auc_findings"], metrics["macro_auc_left_out"]) == (2, 3)
    assert metrics["at_least_0.9"] == sum(auc >= 0.9 for auc in known)


@pytest.mark.parametrize("known", [False, True])
def test_fine_tuning_counts_are_those_of_the_model_and_a_reason_says_whose_others_are(small, known):
    """Another model, which learnt each finding from 300 radiographs, or from nobody knows what."""
    test, scores = small
    own = pd.DataFrame({"n": 300, "positives": 90}, index=list(test.seen.index)) if known else None
    table, _ = auc_table(test, scores, model="theirs", drawn=(), params=BOOTSTRAP, fitted_on=own)
    counts = table[["finetune_n", "finetune_positives"]]
    assert (counts == [300, 90]).all(axis=None) if known else counts.isna().all(axis=None)
    rows = table.set_index("finding")
    assert rows.loc["few seen", "reason"] == "4 fine-tuning positives of our head, more than 10 are needed"
    assert rows.loc["mass", "reason"] == "2 test positives, more than 10 are needed"


def test_indicators_are_judged_apart(small):
    test, scores = small
    table, _ = auc_table(test, scores, model="ours", drawn=(), params=BOOTSTRAP)
    assert table["finding"].iloc[2] == "AP view"
    assert table["kind"].tolist() == ["finding", "finding", "indicator", "finding", "finding", "finding"]
    assert table["auc"].iloc[2] == 1


def test_none_judged_gives_tables_of_reasons_or_empty_ones(small):
    test, scores = small
    none = TestSet.choose(test.labels, test.patients, positives_above=50, indicators=test.indicators)
    table, metrics = auc_table(none, scores, model="ours", drawn=(), params=BOOTSTRAP)
    assert set(table["reason"]) == {"40 test positives, more than 50 are needed"}
    assert np.isnan(metrics["macro_auc"])
    assert (metrics["macro_auc_findings"], metrics["macro_auc_left_out"]) == (0, 2)
    compared = comparison_table(none, scores, scores, **TESTS)
    assert compared.empty
    assert comparison_metrics(compared, reference="pca")["wins"] == 0
    for found in (
        *calibration_tables(none, scores, model="ours", params=BOOTSTRAP),
        *subgroup_tables(
            none, scores, pd.DataFrame(index=range(100)), model="ours", params=GROUPS, bootstrap=BOOTSTRAP
        ),
    ):
        assert found.empty


def test_what_is_not_judged_is_in_no_other_table(small):
    test, scores = small
    compared = comparison_table(test, scores, scores, **TESTS)
    calibrated, _ = calibration_tables(test, 1 / (1 + np.exp(-scores)), model="ours", params=BOOTSTRAP)
    sex = pd.DataFrame({"sex": np.tile(["F", "M"], 50)})
    groups = GROUPS.model_copy(update={"attributes": ["sex"]})
    grouped, _ = subgroup_tables(test, scores, sex, model="ours", params=groups, bootstrap=BOOTSTRAP)
    for table in (compared, calibrated, grouped):
        assert set(table["finding"]) == {"edema", "effusion", "AP view"}


def test_a_model_without_scores_of_a_finding_says_so(small):
    test, scores = small
    table, metrics = auc_table(test, scores.drop(columns="edema"), model="theirs", drawn=(), params=BOOTSTRAP)
    rows = table.set_index("finding")
    assert rows.loc["edema", "reason"] == "no scores of theirs"
    assert np.isnan(rows.loc["edema", "auc"])
    assert (metrics["macro_auc_findings"], metrics["macro_auc_left_out"]) == (1, 4)
