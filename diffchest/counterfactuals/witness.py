"""The realism witness: a linear classifier of pixels that is fitted without confounding and never edited against.

An edit may raise the head's logit by what only the encoder sees. Who was not asked says whether a picture shows more of
the finding.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.linalg import cho_factor, cho_solve

from diffchest.contracts.witness import Witness
from diffchest.stats.auc import roc_auc

RIDGE = 0.3  # added to the variance of every standardised pixel
LEAST_SD = 1.0  # gray levels: pixels that vary less (the margins) count as varying so much


def fit_witness(pictures: np.ndarray, labels: np.ndarray, findings: Sequence[str], *, ridge: float = RIDGE) -> Witness:
    """Regularised linear discriminants (Friedman 1989) of all findings, from one factorisation.

    pictures uint8 [N, H, W]; labels bool [N, F]. With S the covariance of the standardised pixels within both classes
    of a finding, m1 and m0 their means and p its frequency, the log-odds of x are

        w (x - (m1 + m0) / 2) + log(p / (1 - p)),  w = (S + ridge I)^-1 (m1 - m0)

    S differs between findings from the total covariance T by p (1 - p) (m1 - m0)(m1 - m0)' alone, so that T is inverted
    once and the rest is Sherman and Morrison's formula. NaN for a finding that lacks a class.
    """
    x = pictures.reshape(len(pictures), -1).astype(np.float32)
    mean, sd = x.mean(axis=0, dtype=np.float64), np.maximum(x.std(axis=0, dtype=np.float64), LEAST_SD)
    x = ((x - mean) / sd).astype(np.float32)
    rate = labels.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):  # no such class
        present, absent = ((x.T @ part.astype(np.float32)) / part.sum(axis=0) for part in (labels, ~labels))
        prior = np.log(rate / (1 - rate))
    difference = present - absent  # [H * W, F]
    solved = _solve_total(x, np.nan_to_num(difference), ridge)
    shrunk = 1 - rate * (1 - rate) * np.sum(difference * solved, axis=0)
    weight = solved / shrunk
    bias = prior - np.sum(weight * (present + absent), axis=0) / 2
    weight[:, np.isnan(bias)] = np.nan
    arrays = {"weight": weight.T, "bias": bias, "mean": mean, "sd": sd}
    return Witness(findings=list(findings), **{name: array.astype(np.float32) for name, array in arrays.items()})


def no_witness(size: int) -> Witness:
    """One that knows no finding, of pictures of size x size."""
    pixels = np.ones(size * size, dtype=np.float32)
    return Witness([], np.empty((0, size * size), np.float32), np.empty(0, np.float32), 0 * pixels, pixels)


def witness_table(witness: Witness, pictures: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """A row per finding: finding, positives and negatives among other pictures [N, H, W], and the AUC there.

    labels: bool [N, F]; the AUC is NaN where there is no class or no fit.
    """
    logits = witness.logits(pictures)
    rows = []
    for column, finding in enumerate(witness.findings):
        truth, score = labels[:, column], logits[:, column]
        known = truth.any() and not truth.all() and np.isfinite(score).all()
        auc = float(roc_auc(truth.astype(float), score)) if known else np.nan
        rows.append((finding, int(truth.sum()), int((~truth).sum()), auc))
    return pd.DataFrame(rows, columns=["finding", "positives", "negatives", "auc"])


def _solve_total(x: np.ndarray, right: np.ndarray, ridge: float) -> np.ndarray:
    """(x'x / N + ridge I)^-1 right for centred x [N, D] and right [D, F], by the smaller of x'x and xx'."""
    number, dimensions = x.shape
    if dimensions <= number:
        total = (x.T @ x).astype(np.float64) / number
        total[np.diag_indices(dimensions)] += ridge
        return cho_solve(cho_factor(total, overwrite_a=True), right)
    inner = (x @ x.T).astype(np.float64) / number
    inner[np.diag_indices(number)] += ridge
    projected = cho_solve(cho_factor(inner, overwrite_a=True), x @ right.astype(np.float32))
    return (right - x.T @ projected.astype(np.float32) / number) / ridge
