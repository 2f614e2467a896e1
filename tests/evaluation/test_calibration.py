"""Calibration against scikit-learn and statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from diffchest.evaluation.calibration import (
    CALIBRATION_COLUMNS,
    RELIABILITY_COLUMNS,
    calibration_metrics,
    calibration_tables,
)
from diffchest.evaluation.test_set import TestSet
from diffchest.params.evaluation import BootstrapParams

BOOTSTRAP = BootstrapParams(unit="patient", resamples=200, confidence=0.95, interval="score", seed=0)
N = 2000


@pytest.fixture(scope="module")
def measured() -> tuple[TestSet, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """`true` says the probability, `bold` exaggerates it, `low` gives half of it; `logit` and `large` say none."""
    rng = np.random.default_rng(0)
    x = rng.normal(-1, 1.5, N)
    names = ["true", "bold", "low", "large"]
    labels = pd.DataFrame((rng.random((N, 4)) < expit(x)[:, None]) * 1.0, columns=names)
    labels.loc[::10, "low"] = np.nan
    scores = pd.DataFrame({"true": expit(x), "bold": expit(2 * x), "low": expit(x) / 2, "large": x})
    test = TestSet(labels, np.arange(N) // 2)
    return test, scores, *calibration_tables(test, scores, model="m", params=BOOTSTRAP)


@pytest.mark.parametrize("finding", ["true", "bold", "low"])
def test_numbers_are_those_of_scikit_learn_and_statsmodels(measured, finding):
    test, scores, table, _ = measured
    known = test.labels[finding].notna()
    y, p = test.labels.loc[known, finding], scores.loc[known, finding]
    row = table.set_index("finding").loc[finding]
    assert row["brier"] == pytest.approx(brier_score_loss(y, p))
    assert row["brier_of_prevalence"] == pytest.approx(brier_score_loss(y, np.full(len(y), y.mean())))
    assert row["skill"] == pytest.approx(1 - row["brier"] / row["brier_of_prevalence"])
    assert row["observed_to_expected"] == pytest.approx(y.sum() / p.sum())
    model: sm.Logit = sm.Logit(y, sm.add_constant(logit(p)))
    intercept, slope = model.fit(disp=0).params
    assert (row["slope"], row["intercept"]) == pytest.approx((slope, intercept), abs=1e-3)
    assert row["brier_low"] < row["brier"] < row["brier_high"]
    assert row["low"] < row["observed_to_expected"] < row["high"]
    assert (row["n"], row["positives"]) == (known.sum(), y.sum())


@pytest.mark.parametrize("finding", ["true", "bold", "low"])
def test_curve_is_that_of_scikit_learn(measured, finding):
    test, scores, table, curves = measured
    known = test.labels[finding].notna()
    y, p = test.labels.loc[known, finding], scores.loc[known, finding]
    observed, predicted = calibration_curve(y, p, n_bins=10, strategy="quantile")
    own = curves[curves["finding"] == finding]
    np.testing.assert_allclose(own["predicted"], predicted, atol=1e-9)
    np.testing.assert_allclose(own["observed"], observed, atol=1e-9)
    assert table.set_index("finding").loc[finding, "calibration_error"] == pytest.approx(
        np.abs(observed - predicted).mean()
    )


def test_each_kind_of_miscalibration_shows(measured):
    rows = measured[2].set_index("finding")
    assert rows.loc["true", "slope"] == pytest.approx(1, abs=0.15)
    assert rows.loc["bold", "slope"] == pytest.approx(0.5, abs=0.1)
    assert rows.loc["low", "observed_to_expected"] == pytest.approx(2, abs=0.15)
    assert rows.loc["true", "skill"] > max(rows.loc["bold", "skill"], rows.loc["low", "skill"])


def test_scores_that_are_no_probabilities_are_left_out(measured):
    test, scores, table, curves = measured
    assert list(table.columns) == CALIBRATION_COLUMNS
    assert list(curves.columns) == RELIABILITY_COLUMNS
    assert set(table["finding"]) == set(curves["finding"]) == {"true", "bold", "low"}
    empty, none = calibration_tables(test, scores[["large"]], model="m", params=BOOTSTRAP)
    assert empty.empty
    assert none.empty
    assert calibration_metrics(table)["findings"] == 3


def test_equal_probabilities_share_a_bin_whatever_the_order_of_the_rows():
    rng = np.random.default_rng(0)
    p = np.round(rng.random(500), 1)
    y = (rng.random(500) < p) * 1.0
    tables = []
    for order in (np.arange(500), np.argsort(y, kind="stable"), rng.permutation(500)):
        test = TestSet(pd.DataFrame({"a": y[order]}), np.arange(500)[order])
        table, curve = calibration_tables(test, pd.DataFrame({"a": p[order]}), model="m", params=BOOTSTRAP)
        tables.append((table["calibration_error"].iloc[0], *curve["predicted"], *curve["n"]))
        assert curve["predicted"].is_unique
    np.testing.assert_allclose(tables[1:], [tables[0]] * 2)


def test_a_threshold_that_parts_the_classes_has_no_slope():
    y, p = np.repeat([0.0, 0.0, 1.0, 1.0], 20), np.repeat([0.1, 0.5, 0.5, 0.9], 20)
    table, _ = calibration_tables(
        TestSet(pd.DataFrame({"a": y}), np.arange(80)), pd.DataFrame({"a": p}), model="m", params=BOOTSTRAP
    )
    assert table["slope"].isna().all()


def test_separable_and_constant_probabilities_have_no_slope():
    y = np.repeat([0.0, 1.0], 50)
    test = TestSet(pd.DataFrame({"sure": y, "constant": y}), np.arange(100))
    scores = pd.DataFrame({"sure": 0.25 + y / 2, "constant": 0.5})
    table, _ = calibration_tables(test, scores, model="m", params=BOOTSTRAP)
    assert table["slope"].isna().all()
    assert table["brier"].tolist() == [0.0625, 0.25]
