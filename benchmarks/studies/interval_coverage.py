"""How often 95 % intervals of an AUC hold it, by AUC, number of positives, images a patient and shape of scores.

    python -m benchmarks.studies.interval_coverage [--studies 200] [--redrawn 100]

Markdown tables of coverage in per cent: of the interval that the product takes (`score`), of the percentile interval,
of DeLong's on the logit scale with the variance by patient, and of Newcombe's (2006, method 5) for as many patients.
"""

import argparse
from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm

from benchmarks.measuring import markdown, provenance
from diffchest.stats import bootstrap_auc
from diffchest.stats.placements import Placements, placements
from diffchest.stats.score_interval import score_interval

AUCS = (0.6, 0.8, 0.9, 0.97, 0.99, 0.995)
PATIENTS = ((20, 380), (31, 569), (200, 800), (2000, 2000))  # with the finding, without
SHAPES = ("binormal", "wide", "narrow", "exponential", "hidden")
PATIENT_SHARE = 0.7  # of a score's variance, where patients have several images
REDRAWS = 400
Z = norm.ppf(0.975)


def main() -> None:
    """Simulate and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200, help="simulated test sets a cell (%(default)s)")
    parser.add_argument("--redrawn", type=int, default=100, help="... of the percentile interval (%(default)s)")
    arguments = parser.parse_args()
    print(provenance())
    print(f"\nbinormal scores, 31 patients of 600 with the finding\n\n{markdown(methods(arguments))}", flush=True)
    print(f"\nthe interval `score`\n\n{markdown(everywhere(arguments.studies))}", flush=True)


def methods(arguments: argparse.Namespace) -> list[list[str]]:
    """Before and after: every method on binormal scores."""
    rows = [["images a patient", "AUC", "percentile", "logit, by patient", "Newcombe", "score", "width of score"]]
    for images, auc in product((1, 3), AUCS):
        sets = list(studies("binormal", *PATIENTS[1], auc, images, arguments.studies))
        found = [placements(*each) for each in sets]
        low, high = score_interval(found, 0.95)
        others = [_covered(*np.array([limits(each) for each in found]).T, auc) for limits in (_logit, _newcombe)]
        redrawn = [
            bootstrap_auc(y, score, groups=patients, resamples=REDRAWS, interval="percentile", seed=0)
            for y, score, patients in sets[: arguments.redrawn]
        ]
        before = _covered(*np.array([(each.low[0], each.high[0]) for each in redrawn]).T, auc)
        rows.append([str(images), f"{auc:g}", before, *others, _covered(low, high, auc), f"{(high - low).mean():.3f}"])
    return rows


def everywhere(number: int) -> list[list[str]]:
    """Coverage of `score` for all shapes and sizes."""
    rows = [["scores", "positive, negative patients", "images", *(f"{auc:g}" for auc in AUCS)]]
    for shape, patients, images in product(SHAPES, PATIENTS, (1, 3)):
        row = [shape, "{}, {}".format(*patients), str(images)]
        for auc in AUCS:
            few = number // 4 if patients[0] > 1000 else number
            found = [placements(*each) for each in studies(shape, *patients, auc, images, few)]
            low, high = score_interval(found, 0.95)
            row.append(_covered(low, high, auc))
        rows.append(row)
    return rows


def studies(
    shape: str, positives: int, negatives: int, auc: float, images: int, number: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Labels, scores and patients [images] of `number` test sets with this true AUC.

    Images a patient: one, or geometric with this mean. binormal: of equal variance; wide, narrow: positives with twice
    or half the standard deviation; exponential: both, so that few positives lie far down; hidden: some positives look
    like negatives, the others are at an AUC near 1.
    """
    rng = np.random.default_rng([positives, images, round(1000 * auc), SHAPES.index(shape)])
    for _ in range(number):
        sizes = np.ones(positives + negatives, int)
        if images > 1:
            sizes = rng.geometric(1 / images, size=positives + negatives)
        patients = np.repeat(np.arange(len(sizes)), sizes)
        y = (patients < positives) * 1.0
        share = PATIENT_SHARE if images > 1 else 0.0
        own = rng.normal(size=len(sizes))[patients]
        normal = np.sqrt(share) * own + np.sqrt(1 - share) * rng.normal(size=len(patients))
        yield y, _shaped(shape, normal, y, auc, rng.random(len(sizes))[patients]), patients


def _shaped(shape: str, normal: np.ndarray, y: np.ndarray, auc: float, chance: np.ndarray) -> np.ndarray:
    distance = norm.ppf(auc)
    if shape == "exponential":  # P(positive > negative) = k / (1 + k), k the ratio of the means
        return np.log(-norm.logsf(normal)) + y * logit(auc)
    if shape == "hidden":
        top = min(0.9995, 1 - (1 - auc) / 5)
        return normal + np.sqrt(2) * norm.ppf(top) * y * (chance < (auc - 0.5) / (top - 0.5))
    deviation = {"binormal": 1.0, "wide": 2.0, "narrow": 0.5}[shape]
    return np.where(y == 1, np.sqrt(1 + deviation**2) * distance + deviation * normal, normal)


def _logit(found: Placements) -> tuple[float, float]:
    """DeLong's on the logit scale; an AUC of 1 as half a pair less."""
    least = 0.5 / len(found.of_positive) / len(found.of_negative)
    auc = np.clip(found.of_positive.mean(), least, 1 - least)
    half = Z * np.sqrt(found.variance().total) / (auc * (1 - auc))
    return float(expit(logit(auc) - half)), float(expit(logit(auc) + half))


def _newcombe(found: Placements) -> tuple[float, float]:
    """Method 5 of Newcombe 2006, for patients."""
    auc = found.of_positive.mean()
    m, n = found.patients()
    more = (m + n) / 2 - 1

    def apart(limit: float) -> float:
        spread = limit * (1 - limit) * (1 + more * (1 - limit) / (2 - limit) + more * limit / (1 + limit)) / (m * n)
        return abs(auc - limit) - Z * np.sqrt(spread)

    inside = auc - 1e-9 * (auc - 0.5)  # where `apart` is below 0
    return float(brentq(apart, 0.0, inside)), float(brentq(apart, inside, 1.0)) if apart(1.0) > 0 else 1.0


def _covered(low: np.ndarray, high: np.ndarray, auc: float) -> str:
    return f"{100 * np.mean((low <= auc) & (auc <= high)):.1f}"


if __name__ == "__main__":
    main()
