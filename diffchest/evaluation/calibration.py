"""Whether probabilities mean what they say: Brier score, recalibration, reliability curves."""

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from diffchest.evaluation.test_set import TestSet
from diffchest.findings.averaged import averaged, mean_over_findings
from diffchest.params.evaluation import BootstrapParams

BINS = 10
CALIBRATION_COLUMNS = [
    *("model", "finding", "kind", "n", "positives", "brier", "brier_low", "brier_high", "brier_of_prevalence", "skill"),
    *("observed_to_expected", "low", "high", "slope", "intercept", "calibration_error"),
]
RELIABILITY_COLUMNS = ["model", "finding", "bin", "n", "predicted", "observed", "low", "high"]


def calibration_tables(
    test: TestSet, scores: pd.DataFrame, *, model: str, params: BootstrapParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Calibration of every finding (`CALIBRATION_COLUMNS`) and its reliability curve (`RELIABILITY_COLUMNS`).

    * brier: mean squared error of the probability (Brier 1950), with interval; brier_of_prevalence: that of saying the
      test set's prevalence always; skill = 1 - brier / brier_of_prevalence
    * observed_to_expected: positives over the sum of probabilities, with interval; above 1, findings are underestimated
    * slope, intercept: of the logistic regression of the label on the probability's logit; 1 and 0 when calibrated,
      NaN where the classes are separable (Cox 1958)
    * calibration_error: mean over `BINS` bins of equally many radiographs of |predicted - observed|

    On the images that are scored. Findings whose scores are no probabilities (outside [0, 1]) are left out.
    """
    test = test.scored_by(scores)
    scores = scores.loc[test.labels.index]
    findings = [name for name in test.shared(scores) if scores[name].between(0, 1).all()]
    if not findings:
        return pd.DataFrame(columns=CALIBRATION_COLUMNS), pd.DataFrame(columns=RELIABILITY_COLUMNS)
    y, p = (frame[findings].to_numpy(dtype=np.float64) for frame in (test.labels, scores))
    known = ~np.isnan(y)
    truth, p = np.where(known, y, 0.0), np.where(known, p, 0.0)
    brier = test.ratio((p - truth) ** 2, known * 1.0, params)
    ratio = test.ratio(truth, p, params)
    curve = _reliability(test, y, p, params).assign(model=model)
    curve.insert(0, "finding", np.repeat(findings, BINS))
    n, positives = known.sum(axis=0), truth.sum(axis=0)
    constant = positives / n * (1 - positives / n)
    error = [np.average((rows["predicted"] - rows["observed"]).abs(), weights=rows["n"]) for rows in _each(curve)]
    lines = [_recalibration(y[known[:, f], f], p[known[:, f], f]) for f in range(len(findings))]
    table = pd.DataFrame(
        {
            "model": model,
            "finding": findings,
            "kind": test.kinds(findings),
            "n": n,
            "positives": positives.astype(int),
            "brier": brier.value,
            "brier_low": brier.low,
            "brier_high": brier.high,
            "brier_of_prevalence": constant,
            "skill": 1 - brier.value / constant,
            "observed_to_expected": ratio.value,
            "low": ratio.low,
            "high": ratio.high,
            "slope": [slope for slope, _ in lines],
            "intercept": [intercept for _, intercept in lines],
            "calibration_error": error,
        }
    )
    return table, curve.loc[curve["n"] > 0, RELIABILITY_COLUMNS]


def _each(curve: pd.DataFrame) -> list[pd.DataFrame]:
    """The filled bins of each finding."""
    return [rows[rows["n"] > 0] for _, rows in curve.groupby("finding", sort=False)]


def _reliability(test: TestSet, y: np.ndarray, p: np.ndarray, params: BootstrapParams) -> pd.DataFrame:
    """Mean probability and share of positives, with interval, in bins of equally many radiographs by probability."""
    member = np.zeros((*y.shape, BINS))
    for f in range(y.shape[1]):
        known = np.flatnonzero(~np.isnan(y[:, f]))
        below = np.searchsorted(np.sort(p[known, f]), p[known, f])  # equal probabilities share a bin
        member[known, f, below * BINS // len(known)] = 1.0
    positive = member * (y == 1)[:, :, None]
    size = member.sum(axis=0).ravel()
    observed = test.ratio(positive.reshape(len(y), -1), member.reshape(len(y), -1), params)
    return pd.DataFrame(
        {
            "bin": np.tile(np.arange(1, BINS + 1), y.shape[1]),
            "n": size.astype(int),
            "predicted": (member * p[:, :, None]).sum(axis=0).ravel() / np.maximum(size, 1),
            "observed": observed.value,
            "low": observed.low,
            "high": observed.high,
        }
    )


def _recalibration(y: np.ndarray, p: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of the label on logit(p); there is no finite slope where a threshold parts the classes."""
    negative, positive = p[y == 0], p[y == 1]
    if len(np.unique(p)) < 2 or negative.max() <= positive.min() or positive.max() <= negative.min():
        return float("nan"), float("nan")
    x = logit(np.clip(p, 1e-7, 1 - 1e-7))[:, None]
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(x, y)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def calibration_metrics(table: pd.DataFrame) -> dict[str, float]:
    """Means over findings (findings/averaged.py), how many these are, and how many have a negative skill."""
    columns = ("brier", "skill", "observed_to_expected", "calibration_error")
    means = {name: mean_over_findings(table["kind"], table[name]) for name in columns}
    return {
        "findings": means["brier"][1],
        "negative_skill": int((table["skill"][averaged(table["kind"])] < 0).sum()),
        **{name: mean for name, (mean, _) in means.items()},
    }
