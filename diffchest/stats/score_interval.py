"""A confidence interval of an AUC that holds near 1 and with few positives."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from diffchest.stats.auc import Floats
from diffchest.stats.placements import Placements

PRIOR = 2.0  # patients' worth of the model's variance beside that of the data (docs/results/error_rates.md)
STEPS = 50  # of bisection: to 1e-15


@dataclass(frozen=True)
class TrainingVariance:
    """What the choice of training patients adds: the `variance` of a mean AUC over draws, its degrees of `freedom`."""

    variance: float = 0.0
    freedom: float = 1.0


def score_interval(
    found: list[Placements | None], confidence: float, training: list[TrainingVariance] | None = None
) -> tuple[Floats, Floats]:
    """Limits [findings] of the AUCs of `found`; NaN for None.

    All AUCs A that the observed one could be of: |AUC - A| <= q sqrt(r V(A)), as Newcombe 2006 (method 5) and Wilson's
    interval of a proportion do, so that the limits lie in [0, 1] and a perfect AUC has a lower limit below 1. V(A) is
    Hanley and McNeil's variance (1982) for as many *patients* with and without the finding, the heavier tail on the
    smaller class. r corrects it for these scores and for several images of a patient: the clustered variance
    (Obuchowski 1997) over V(AUC), as far as the data tell it. Near 1 a few positives make all of a variance, and know
    little of it: r = w (variance / V(AUC)) + 1 - w with w = s / (s + `PRIOR`), where s is how many patients of equal
    weight would have left the AUC as far from its bound, (sum e)^2 / sum e^2 over their shares e of it. q goes from the
    normal quantile to Student's t with w.

    training: variance from another source, added to that of the test patients.
    """
    training = training or [TrainingVariance()] * len(found)
    terms = [_terms(each, extra, confidence) for each, extra in zip(found, training, strict=True)]
    auc, ratio, quantile, positive, negative = np.array(terms, dtype=np.float64).reshape(-1, 5).T

    def inside(limit: Floats) -> np.ndarray:
        return (auc - limit) ** 2 <= quantile**2 * ratio * model_variance(limit, positive, negative)

    limits = []
    for end in (0.0, 1.0):
        within, beyond = auc.copy(), np.full_like(auc, end)
        for _ in range(STEPS):
            middle = (within + beyond) / 2
            held = inside(middle)
            within, beyond = np.where(held, middle, within), np.where(held, beyond, middle)
        limits.append(np.where(inside(np.full_like(auc, end)), end, within))
    low, high = (np.where(np.isnan(auc), np.nan, limit) for limit in limits)
    return np.minimum(low, auc), np.maximum(high, auc)


def model_variance(auc: Floats, positive: Floats, negative: Floats) -> Floats:
    """Variance of an AUC of exponential scores of so many positives and negatives (Hanley and McNeil 1982).

    The same for 1 - AUC; the class with the heavier tail is the smaller one.
    """
    a = np.maximum(auc, 1 - auc)
    heavy, light = 2 * a**2 / (1 + a) - a**2, a / (2 - a) - a**2
    more, fewer = np.maximum(positive, negative), np.minimum(positive, negative)
    return (a * (1 - a) + (more - 1) * heavy + (fewer - 1) * light) / (more * fewer)


def _terms(found: Placements | None, extra: TrainingVariance, confidence: float) -> tuple[float, ...]:
    """AUC, ratio of variances, quantile, and patients with and without the finding."""
    if found is None:
        return (float("nan"),) * 5
    auc = float(found.of_positive.mean())
    variance = found.variance()
    patients = variance.positive_patients, variance.negative_patients
    normal = float(norm.ppf((1 + confidence) / 2))
    model = float(model_variance(np.array(auc), *map(np.array, patients)))
    known = np.isfinite(variance.total) and model > 0
    worth = _worth(found, auc, variance.of_positives, variance.of_negatives) if known else 0.0
    weight = worth / (worth + PRIOR)
    sampled = variance.total if known else 0.0
    observed = weight * sampled + (1 - weight) * model
    quantile = normal
    freedom = variance.freedom if known else float("nan")
    if np.isfinite(freedom):
        quantile = weight * float(t.ppf((1 + confidence) / 2, freedom)) + (1 - weight) * normal
    if extra.variance > 0:
        total = observed + extra.variance
        least = freedom if np.isfinite(freedom) else min(patients)
        own = total**2 / (observed**2 / least + extra.variance**2 / extra.freedom)
        return auc, total / model if model > 0 else 1.0, float(t.ppf((1 + confidence) / 2, own)), *patients
    return auc, observed / model if model > 0 else 1.0, quantile, *patients


def _worth(found: Placements, auc: float, of_positives: float, of_negatives: float) -> float:
    """How many patients of equal weight would have left the AUC as far from 1 (or 0); by the classes' variances."""
    if of_positives + of_negatives == 0:
        return 0.0
    worth = []
    for placed, patients in (
        (found.of_positive, found.patients_positive),
        (found.of_negative, found.patients_negative),
    ):
        error = np.bincount(patients, 1 - placed if auc >= 0.5 else placed)
        worth.append(error.sum() ** 2 / max((error**2).sum(), 1e-300))
    return float(np.average(worth, weights=[of_positives, of_negatives]))
