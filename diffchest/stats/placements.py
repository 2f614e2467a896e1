"""Placements: where each positive stands among the negatives, and each negative among the positives.

The AUC is their mean, and its variance is that of their sums by patient (DeLong 1988; Obuchowski 1997).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffchest.stats.auc import Floats, wins


@dataclass(frozen=True, eq=False)
class Placements:
    """`of_positive` [m]: share of negatives below each positive; `of_negative` [n]: share of positives above each.

    `patients_positive` [m], `patients_negative` [n]: whose they are, as numbers. Differences and means of the
    placements of several models on the same radiographs are placements too.
    """

    of_positive: Floats
    of_negative: Floats
    patients_positive: NDArray[np.int64]
    patients_negative: NDArray[np.int64]

    def __sub__(self, other: "Placements") -> "Placements":
        return self._with(self.of_positive - other.of_positive, self.of_negative - other.of_negative)

    def _with(self, of_positive: Floats, of_negative: Floats) -> "Placements":
        return Placements(of_positive, of_negative, self.patients_positive, self.patients_negative)

    @staticmethod
    def mean(models: "list[Placements]") -> "Placements":
        """Those of the mean AUC of several models."""
        of_positive = np.mean([model.of_positive for model in models], axis=0)
        return models[0]._with(of_positive, np.mean([model.of_negative for model in models], axis=0))

    def patients(self) -> tuple[int, int]:
        """How many patients have a positive, and how many a negative."""
        return len(np.unique(self.patients_positive)), len(np.unique(self.patients_negative))

    def variance(self) -> "Variance":
        """The variance of their mean, several images of a patient counted as what they are (Obuchowski 1997).

        NaN where a class is of a single patient. With one image a patient it is DeLong's.
        """
        positive, negative = self.of_positive, self.of_negative
        sizes = self.patients()
        if min(sizes) < 2:
            return Variance(float("nan"), float("nan"), float("nan"), *sizes)
        total = 1 + max(self.patients_positive.max(), self.patients_negative.max())
        auc, m, n = positive.mean(), len(positive), len(negative)
        of_patient = [
            np.bincount(self.patients_positive, positive - auc, minlength=total),
            np.bincount(self.patients_negative, negative - auc, minlength=total),
        ]
        own = [(sums**2).sum() * size / (size - 1) for sums, size in zip(of_patient, sizes, strict=True)]
        everyone = len(np.union1d(self.patients_positive, self.patients_negative))
        both = (of_patient[0] * of_patient[1]).sum() * everyone / (everyone - 1)
        return Variance(float(own[0] / m**2), float(own[1] / n**2), float(2 * both / (m * n)), *sizes)


@dataclass(frozen=True)
class Variance:
    """The variance of an AUC by part, and the patients behind it.

    `of_positives`, `of_negatives`; `shared`: by patients who have both, 0 where there are none.
    """

    of_positives: float
    of_negatives: float
    shared: float
    positive_patients: int
    negative_patients: int

    @property
    def total(self) -> float:
        """Not below 0, which the part of the patients with both can make it by chance."""
        return max(self.of_positives + self.of_negatives + self.shared, 0.0)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of `total` (Satterthwaite 1946); NaN where it is 0."""
        parts = self.of_positives**2 / (self.positive_patients - 1) + (
            self.of_negatives**2 / (self.negative_patients - 1)
        )
        return (self.of_positives + self.of_negatives) ** 2 / parts if parts > 0 else float("nan")


def placements(y: Floats, score: Floats, codes: NDArray[np.int64]) -> Placements | None:
    """Of one finding: labels y [n] (1, 0; NaN left out), scores [n], patients by number [n]; None without a class."""
    positive, negative = y == 1, y == 0
    m, n = int(positive.sum()), int(negative.sum())
    if not m or not n:
        return None
    of_positive = wins(score[positive], score[negative]) / n
    of_negative = 1 - wins(score[negative], score[positive]) / m
    return Placements(of_positive, of_negative, codes[positive], codes[negative])
