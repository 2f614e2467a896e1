"""The truth of true twins, and how near an estimate is to it, as SciPy and scikit-learn have it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from diffchest.audit.cace import cace_metrics, icace_errors, twin_changes, with_truth
from diffchest.contracts.twin_scores import TwinScores
from tests.helpers.toy_drawings import TOY_FINDINGS as FINDINGS


def twins():
    """Three radiographs: drain put into two of them (one twice), taken out of the last; no twin of goiter."""
    present = np.array([[False, False, False], [False, False, False], [True, False, False]])
    ids = ["cohort/0|drain|0", "cohort/0|drain|2", "cohort/1|drain|0", "cohort/2|drain|0", "cohort/1|chest|0"]
    logits = np.zeros((5, 3))
    logits[:, 1] = [1.0, 2.0, 2.5, -1.0, 99.0]
    names = [f"cohort/{row}" for row in range(3)]
    return TwinScores(FINDINGS, names, FINDINGS, present, np.full((3, 3), 0.5), ids, logits)


def test_the_truth_is_the_mean_over_placements_then_radiographs():
    spread = np.array([1.0, 2.0, 4.0])
    changes = twin_changes(twins(), spread)
    of_drain = changes[:, 0, 1] * spread[1]
    assert of_drain == pytest.approx([1.0, 2.0, 1.5])  # put in: mean of 0.5 and 1.5; taken out: the sign turned
    assert np.isnan(changes[:, 1:]).all()
    table = pd.DataFrame({"target": ["pneumothorax", "drain"], "confounder": ["drain", "goiter"]})
    found = with_truth(table, twins(), spread)
    theirs = stats.ttest_1samp(of_drain, 0).confidence_interval(0.95)
    expected = np.array([1.5, theirs.low, theirs.high]) / spread[1]
    assert found.loc[0, ["cace", "cace_low", "cace_high"]].tolist() == pytest.approx(expected.tolist())
    assert found.loc[1, ["cace", "cace_low", "cace_high"]].isna().all()


def pairs(n=60, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 0.8, n)
    truth[::10] = np.nan
    response = np.nan_to_num(truth) / 2 + rng.normal(0, 0.2, n)
    table = pd.DataFrame({"target": np.repeat(list("abcdef"), n // 6), "cace": truth, "response": response})
    table = table.assign(response_low=response - 0.3, response_high=response + 0.3)
    return table.assign(responds=np.where(response > 0.3, "rises", np.where(response < -0.3, "falls", "")))


def test_metrics_are_of_the_pairs_whose_truth_is_known():
    table = pairs()
    rival = np.random.default_rng(1).normal(size=len(table))
    rival[3] = np.nan
    found = cace_metrics(table, {"chance": rival, "itself": table["response"].to_numpy()})
    kept = table[table["cace"].notna()]
    truth, response = kept["cace"], kept["response"]
    assert found["pairs"] == 54
    assert found["average_precision"] == pytest.approx(average_precision_score(truth > 0.5, response))
    assert found["roc_auc"] == pytest.approx(roc_auc_score(truth > 0.5, response))
    assert found["falls_average_precision"] == pytest.approx(average_precision_score(truth < -0.5, -response))
    assert found["spearman"] == pytest.approx(stats.spearmanr(truth, response).statistic)
    assert found["slope"] == pytest.approx(np.linalg.lstsq(response.to_numpy()[:, None], truth, rcond=None)[0].item())
    assert found["coverage"] == pytest.approx((np.abs(truth - response) <= 0.3).mean())
    rises = kept["responds"] == "rises"
    assert found["precision"] == pytest.approx((truth[rises] > 0.5).mean())
    assert found["recall"] == pytest.approx((rises & (truth > 0.5)).sum() / (truth > 0.5).sum())
    nothing = truth.abs() < 0.15
    assert found["false_alarms"] == pytest.approx((kept["responds"][nothing] != "").mean())
    unknown = np.where(np.arange(len(rival)) == int(np.nanargmax(table["cace"])), np.nan, table["cace"])
    last = cace_metrics(table, {"truth but one": unknown})["rivals"]["truth but one"]["average_precision"]
    lowest = np.where(np.isnan(unknown[table["cace"].notna()]), -99.0, unknown[table["cace"].notna()])
    assert last == pytest.approx(average_precision_score(truth > 0.5, lowest))  # what is not known ranks last
    chance, itself = found["rivals"]["chance"], found["rivals"]["itself"]
    assert itself["ahead_low"] == itself["ahead_high"] == 0
    assert chance["average_precision"] < found["average_precision"]
    assert chance["ahead_low"] > 0


@pytest.mark.parametrize("unknown", ["cace", "response"])
def test_nothing_is_said_without_twins_or_without_responses(unknown):
    found = cace_metrics(pairs().assign(**{unknown: np.nan}), {"chance": np.zeros(60)})
    numbers = [value for value in found.values() if isinstance(value, float)]
    assert np.isnan(numbers).all()
    assert found["pairs"] == 0
    assert np.isnan(found["rivals"]["chance"]["average_precision"])


def test_errors_of_single_effects():
    """Abraham et al. 2022: L2, cosine and norm distance of vectors over the outputs."""
    truth, estimate = np.zeros((2, 2, 2)), np.zeros((2, 2, 2))
    truth[0, 0], estimate[0, 0] = [3.0, 4.0], [6.0, 8.0]
    truth[1, 1], estimate[1, 1] = [0.0, 2.0], [2.0, 0.0]
    truth[0, 1] = truth[1, 0] = np.nan
    assert icace_errors(estimate, truth) == pytest.approx(
        {"l2": (5 + np.sqrt(8)) / 2, "cosine": (0 + 1) / 2, "norm": (5 + 0) / 2}
    )
    assert np.isnan(list(icace_errors(estimate, truth * np.nan).values())).all()
