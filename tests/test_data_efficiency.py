"""Heads on fractions of the training patients: AUCs and curves against scikit-learn, readers against counting."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import auc as area
from sklearn.metrics import roc_auc_score

from diffchest.data_efficiency import (
    AUC_COLUMNS,
    CURVE_COLUMNS,
    READER_COLUMNS,
    Sample,
    efficiency_metrics,
    measure,
    operating_points,
    side_of_curve,
    thin,
)
from diffchest.errors import DataError
from diffchest.params import BootstrapParams, ProbeParams
from diffchest.probe import subsample_patients

FRACTIONS = [1.0, 0.3]
PROBE = ProbeParams(fraction=1.0, recipe="optimum", l2=1.0, l2_grid=[1.0], folds=2, seed=0)
BOOTSTRAP = BootstrapParams(unit="patient", resamples=50, confidence=0.95, seed=0)


def sample(n: int, seed: int) -> Sample:
    """Two findings that z tells, one that nobody has."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 5)).astype(np.float32)
    labels = (z[:, :2] + rng.normal(size=(n, 2)) > 0.5).astype(np.float32)
    columns = {"edema": labels[:, 0], "effusion": labels[:, 1], "never": np.zeros(n, dtype=np.float32)}
    return Sample(z, pd.DataFrame(columns), np.array([f"p{row // 2}" for row in range(n)]))


@pytest.fixture(scope="module")
def measured() -> tuple[Sample, Sample, pd.DataFrame, pd.DataFrame]:
    train, test = sample(400, 0), sample(300, 1)
    return train, test, *measure(train, test, fractions=FRACTIONS, probe=PROBE, bootstrap=BOOTSTRAP, seed=7)


@pytest.mark.parametrize("fraction", FRACTIONS)
@pytest.mark.parametrize("finding", ["edema", "effusion"])
def test_auc_is_that_of_a_logistic_regression_on_those_patients(measured, fraction, finding):
    train, test, table, curves = measured
    kept = subsample_patients(train.patient_id, fraction, 7)
    x, x_test = ((z - train.z[kept].mean(axis=0)) / train.z[kept].std(axis=0) for z in (train.z[kept], test.z))
    model = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(x, train.labels[finding][kept])
    expected = roc_auc_score(test.labels[finding], model.decision_function(x_test))
    row = table[(table["finding"] == finding) & (table["fraction"] == fraction)].iloc[0]
    curve = curves[(curves["finding"] == finding) & (curves["fraction"] == fraction)]
    assert row["auc"] == pytest.approx(expected, abs=1e-3)
    assert area(curve["fpr"], curve["tpr"]) == pytest.approx(row["auc"])
    assert row["low"] < row["auc"] < row["high"]
    assert row["images"] == kept.sum()
    assert row["patients"] == round(fraction * 200)


def test_a_finding_without_positives_has_no_auc_and_no_curve(measured):
    _, _, table, curves = measured
    assert list(table.columns) == AUC_COLUMNS
    assert list(curves.columns) == CURVE_COLUMNS
    assert table.loc[table["finding"] == "never", ["auc", "low", "high"]].isna().all(axis=None)
    assert "never" not in set(curves["finding"])


def test_rows_that_were_not_assessed_are_left_out(measured):
    train, test, _, _ = measured
    labels = test.labels.copy()
    labels.loc[:99, "edema"] = np.nan
    blank = Sample(test.z, labels, test.patient_id)
    cut = Sample(test.z[100:], test.labels[100:], test.patient_id[100:])
    results = [
        measure(train, part, fractions=[1.0], probe=PROBE, bootstrap=BOOTSTRAP, seed=7)[0] for part in (blank, cut)
    ]
    assert results[0]["auc"].iloc[0] == pytest.approx(results[1]["auc"].iloc[0])


def test_thin_keeps_the_ends_and_at_most_that_many_points(measured):
    curves = measured[3]
    thinned = thin(curves, points=20)
    for key, curve in thinned.groupby(["finding", "fraction"]):
        whole = curves[(curves["finding"] == key[0]) & (curves["fraction"] == key[1])]
        assert len(curve) == 20 < len(whole)
        assert curve[["fpr", "tpr"]].iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert list(thin(curves.iloc[:0]).columns) == CURVE_COLUMNS


@pytest.mark.parametrize(
    ("point", "side"),
    [
        ((0.0, 0.1), 0),  # on the vertical step at 0
        ((0.0, 0.3), 1),
        ((0.1, 0.35), 1),  # the curve is at 0.3 there
        ((0.1, 0.25), -1),
        ((0.2, 0.4), 0),  # lower end of the step at 0.2
        ((0.2, 0.39), -1),
        ((0.2, 0.9), 1),
        ((0.6, 0.9), 0),  # halfway between (0.2, 0.8) and (1, 1)
        ((1.0, 1.0), 0),
    ],
)
def test_side_of_curve(point, side):
    fpr, tpr = np.array([0.0, 0.0, 0.2, 0.2, 1.0]), np.array([0.0, 0.2, 0.4, 0.8, 1.0])
    assert side_of_curve(fpr, tpr, point) == side


def test_operating_points_by_counting():
    labels = pd.DataFrame({"edema": [1, 1, 0, 0, np.nan], "effusion": [0, 0, 0, 0, 0]}, dtype=np.float32)
    calls = pd.DataFrame({"effusion": [0, 0, 0, 0, 1], "edema": [1, 0, 1, 0, 1]}, index=list("abcde"))
    points = operating_points({"bc4": calls.iloc[::-1]}, list("abcde"), labels)
    assert points.iloc[0].tolist() == ["edema", "bc4", 0.5, 0.5]
    assert points.iloc[1, 2] == pytest.approx(0.2)
    assert np.isnan(points.iloc[1, 3])
    with pytest.raises(DataError, match=r"bc4.*no row for 1 of 5 test studies.*'a'"):
        operating_points({"bc4": calls.iloc[1:]}, list("abcde"), labels)
    assert list(operating_points({}, [], labels).columns) == READER_COLUMNS


def test_metrics_count_readers_on_each_side(measured):
    _, _, table, curves = measured
    readers = pd.DataFrame(
        [("edema", "bc4", 0.0, 1.0), ("edema", "bc6", 0.9, 0.1), ("edema", "bc8", 1.0, 1.0)], columns=READER_COLUMNS
    )
    metrics = efficiency_metrics(table, curves, readers)
    assert list(metrics) == ["1", "0.3"]
    edema = metrics["1"]["findings"]["edema"]
    assert (edema["readers_above"], edema["readers_below"]) == (1, 1)
    assert "readers_above" not in metrics["1"]["findings"]["effusion"]
    assert metrics["0.3"]["macro_auc"] == pytest.approx(table.loc[table["fraction"] == 0.3, "auc"].mean())
