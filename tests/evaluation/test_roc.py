"""ROC curves: points beside them, and their mean."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import auc as area
from sklearn.metrics import roc_auc_score

from diffchest.evaluation.roc import mean_curve, roc_points, side_of_curve


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


def test_the_mean_curve_is_the_mean_at_every_fpr():
    rng = np.random.default_rng(0)
    y = (np.arange(60) < 25).astype(float)
    scores = [y + rng.normal(size=60).round(1) for _ in range(4)]
    curves = [roc_points(y, score) for score in scores]
    mean = mean_curve(curves)
    assert area(mean["fpr"], mean["tpr"]) == pytest.approx(np.mean([roc_auc_score(y, score) for score in scores]))
    between = np.setdiff1d(rng.random(50), mean["fpr"])  # within no step
    expected = np.mean([np.interp(between, curve["fpr"], curve["tpr"]) for curve in curves], axis=0)
    np.testing.assert_allclose(np.interp(between, mean["fpr"], mean["tpr"]), expected)
    assert mean.iloc[[0, -1]].to_numpy().tolist() == [[0, mean["tpr"].iloc[0]], [1, 1]]
    assert mean["fpr"].is_monotonic_increasing
    assert mean["tpr"].is_monotonic_increasing


def test_one_curve_is_its_own_mean_and_none_has_none():
    curve = roc_points(np.array([0.0, 1, 0, 1]), np.array([1.0, 2, 3, 4]))
    pd.testing.assert_frame_equal(mean_curve([curve]), curve)
    assert mean_curve([curve, curve.iloc[:0]]).empty
