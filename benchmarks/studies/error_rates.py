"""Error rates of intervals and tests on simulated test sets whose AUCs are known; Markdown tables.

    python -m benchmarks.studies.error_rates [--studies 1000]

Coverage of intervals, size and power of tests, and the rows of the paper's table S1 whose intervals are disjoint but
whose p is not small.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import expit, logit
from scipy.stats import multivariate_normal, norm

from benchmarks.measuring import markdown, provenance
from diffchest.evaluation.published import load_published
from diffchest.stats import bootstrap_auc, delong_test, permutation_test

TOGETHER = 100  # test sets that share their patients, and the redraws of them
PATIENT_SHARE, MODEL_SHARE = 0.2, 0.5  # of a score's variance: the patient, and what one model makes of the patient
RESAMPLES = 1000
IMAGES = 7943  # in the paper's test set
REPETITIONS = 20  # of each finding of table S1


@dataclass(frozen=True)
class Setting:
    """Test sets of so many patients, of whom `prevalence` have the finding; binormal scores with these AUCs."""

    patients: int
    images_each: int  # mean of a geometric distribution
    prevalence: float
    auc_a: float
    auc_b: float

    def __str__(self) -> str:
        images = "one image" if self.images_each == 1 else f"{self.images_each} images on average"
        return f"{self.patients} patients, {images}, {self.prevalence:.0%} positive"

    def test_sets(self, studies: int, seed: int) -> Iterator[tuple[np.ndarray, ...]]:
        """Labels, scores a and b [images, up to 100 test sets] and the patients [images], `studies` in all."""
        rng = np.random.default_rng(seed)
        for start in range(0, studies, TOGETHER):
            columns = min(TOGETHER, studies - start)
            sizes = rng.geometric(1 / self.images_each, size=self.patients)
            patients = np.repeat(np.arange(self.patients), sizes)
            y = (rng.random((self.patients, columns)) < self.prevalence).astype(float)[patients]
            own = np.sqrt(PATIENT_SHARE) * rng.normal(size=(self.patients, columns))
            scores = []
            for auc in (self.auc_a, self.auc_b):
                seen = own + np.sqrt(MODEL_SHARE) * rng.normal(size=own.shape)
                noise = np.sqrt(1 - PATIENT_SHARE - MODEL_SHARE) * rng.normal(size=y.shape)
                scores.append(y * np.sqrt(2) * norm.ppf(auc) + seen[patients] + noise)
            yield y, *scores, patients


def main() -> None:
    """Simulate and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, help="simulated test sets a setting (%(default)s)")
    studies = parser.parse_args().studies
    print(provenance())
    for title, simulate in (
        ("coverage of the 95 % interval", lambda: coverage(studies)),
        ("share of p < 0.05", lambda: rejections(studies)),
        ("table S1 where intervals are disjoint and p is not small", published),
    ):
        print(f"\n{title}\n\n{markdown(simulate())}", flush=True)


def coverage(studies: int) -> list[list[str]]:
    """How often the 95 % percentile interval holds the true AUC, redrawing patients or images."""
    rows = [["test sets", "true AUC", "redrawn", "interval holds it", "mean width"]]
    for patients, images, prevalence, auc in [
        (200, 1, 0.25, 0.75),
        (200, 1, 0.25, 0.95),
        (1000, 1, 0.03, 0.75),
        (200, 3, 0.25, 0.75),
        (200, 3, 0.25, 0.95),
    ]:
        setting = Setting(patients, images, prevalence, auc, auc)
        for unit in ("patient", "image") if images > 1 else ("patient",):
            held, width = _intervals(setting, studies, unit)
            rows.append([str(setting), f"{auc:.2f}", unit, _share(held), f"{width.mean():.3f}"])
    return rows


def _intervals(setting: Setting, studies: int, unit: str) -> tuple[np.ndarray, np.ndarray]:
    held, width = [], []
    for seed, (y, a, _, patients) in enumerate(setting.test_sets(studies, seed=1)):
        groups = patients if unit == "patient" else None
        result = bootstrap_auc(y, a, groups=groups, resamples=RESAMPLES, interval="percentile", seed=seed)
        held.append((result.low <= setting.auc_a) & (setting.auc_a <= result.high))
        width.append(result.high - result.low)
    return np.concatenate(held), np.concatenate(width)


def rejections(studies: int) -> list[list[str]]:
    """Size (equal AUCs) and power of the tests; model b as it is, or squeezed into the upper end of model a's range."""
    rows = [["test sets", "AUCs", "scale of b", "rank", "raw", "rank, ungrouped", "DeLong by patient", "DeLong"]]
    for images in (1, 3):
        for auc_b in (0.8, 0.7):
            setting = Setting(200, images, 0.25, 0.8, auc_b)
            for scale in ("as a", "other"):
                shares = map(_share, _rejected(setting, studies, scale))
                rows.append([str(setting), f"0.80, {auc_b:.2f}", scale, *shares])
    return rows


def _rejected(setting: Setting, studies: int, scale: str) -> list[np.ndarray]:
    rejected = []
    for seed, (y, a, b, patients) in enumerate(setting.test_sets(studies, seed=2)):
        second = b if scale == "as a" else 3 + b / 100
        test = partial(permutation_test, y, a, second, resamples=RESAMPLES, seed=seed)
        results = [
            test(groups=patients),
            test(groups=patients, scores="raw"),
            test(),
            delong_test(y, a, second, groups=patients),
            delong_test(y, a, second),
        ]
        rejected.append([result.p_value < 0.05 for result in results])
    return list(np.concatenate(rejected, axis=1))


def published() -> list[list[str]]:
    """The printed AUCs simulated with the two models' kinds of scores, for the rows of table S1 that look wrong.

    Scores: a calibrated probability, near 0 for a rare finding, and the softmax of two cosines, near 0.5.
    """
    table = load_published("table_s1")
    disjoint = (table["diffchest_lo"] > table["chexzero_hi"]) | (table["chexzero_lo"] > table["diffchest_hi"])
    columns = ["median p, raw", "rank", "DeLong"]
    rows = [["finding", "printed AUCs", "printed p", "positives", "disjoint intervals", *columns]]
    for row in table[disjoint & (table["p_value"] >= 0.001)].itertuples():
        positives = _positives(row.diffchest_auc, (row.diffchest_hi - row.diffchest_lo) / (2 * norm.ppf(0.975)))
        y, a, b = _published_scores(positives, row.diffchest_auc, row.chexzero_auc)
        left, right = (bootstrap_auc(y, score, resamples=RESAMPLES, interval="percentile", seed=0) for score in (a, b))
        apart = (left.low > right.high) | (right.low > left.high)
        p = [permutation_test(y, a, b, scores=scores, seed=0).p_value for scores in ("raw", "rank")]
        medians = [f"{np.median(values):.4f}" for values in (*p, delong_test(y, a, b).p_value)]
        aucs = f"{row.diffchest_auc:.3f}, {row.chexzero_auc:.3f}"
        rows.append([row.finding, aucs, f"{row.p_value:.3f}", f"{positives}", f"{apart.mean():.0%}", *medians])
    return rows


def _positives(auc: float, standard_error: float) -> int:
    """How many positives among the images give this standard error of a binormal AUC.

    The variance is xi (1/positives + 1/negatives); xi is that of the share of negatives below one positive.
    """
    cut = norm.ppf(auc)
    xi = multivariate_normal(cov=[[1, 0.5], [0.5, 1]]).cdf([cut, cut]) - auc**2
    return round(IMAGES / 2 - np.sqrt(IMAGES**2 / 4 - IMAGES * xi / standard_error**2))


def _published_scores(positives: int, *aucs: float) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(positives)
    shape = (IMAGES, REPETITIONS)
    y = np.repeat((np.arange(IMAGES) < positives).astype(float)[:, None], REPETITIONS, axis=1)
    own = rng.normal(size=shape) * np.sqrt(PATIENT_SHARE)
    distance = [np.sqrt(2) * norm.ppf(auc) for auc in aucs]
    a, b = (d * y + own + rng.normal(size=shape) * np.sqrt(1 - PATIENT_SHARE) for d in distance)
    probability = expit(logit(positives / IMAGES) + distance[0] * a - distance[0] ** 2 / 2)
    return y, probability, 0.5 + 0.01 * b


def _share(values: np.ndarray) -> str:
    """In per cent, with the standard error of the simulation."""
    share = values.mean()
    return f"{100 * share:.1f} ± {100 * np.sqrt(share * (1 - share) / len(values)):.1f} %"


if __name__ == "__main__":
    main()
