"""The test set that the pipeline evaluates on, from its manifest and labels."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from diffchest.contracts.dataset import Dataset
from diffchest.errors import DataError
from diffchest.params.evaluation import BootstrapParams, EvaluatedFindings
from diffchest.stats.bootstrap import BootstrapResult, bootstrap_auc
from diffchest.stats.ratio import RatioResult, bootstrap_ratio


@dataclass(frozen=True, eq=False)
class TestSet:
    """Labels [N, findings] (1, 0, NaN) of the findings to evaluate, and the patient of each row.

    Rows of scores belong to rows of labels by index (the image ids). A model may have scored fewer images: `scored_by`.
    `positives_above` is that of `choose`.
    """

    __test__ = False  # no pytest class

    labels: pd.DataFrame
    patients: np.ndarray
    positives_above: int = 0

    @classmethod
    def choose(cls, labels: pd.DataFrame, patients: np.ndarray, *, positives_above: int) -> "TestSet":
        """Keep the findings with more than `positives_above` positives and at least one negative.

        Raises `DataError` when there is none.
        """
        if (number := len(set(patients))) < 2:
            raise DataError(f"the {len(labels)} test radiographs are of {number} patient(s); at least 2 are needed")
        enough = ((labels == 1).sum() > positives_above) & (labels == 0).any()
        if not enough.any():
            raise DataError(
                f"none of the {labels.shape[1]} findings has more than {positives_above} positives and a negative "
                f"among the {len(labels)} test radiographs; lower evaluation.positives_above"
            )
        return cls(labels.loc[:, enough], np.asarray(patients), positives_above)

    def scored_by(self, *scores: pd.DataFrame) -> "TestSet":
        """The part of this test set that all of these models score, with the findings that `choose` keeps there.

        Raises `DataError` when that is no image at all, or leaves no finding to evaluate.
        """
        known = np.logical_and.reduce([self.labels.index.isin(frame.index) for frame in scores])
        if known.all():
            return self
        if not known.any():
            raise DataError(
                f"none of the {len(self.labels)} test radiographs is scored by all models that are compared"
            )
        return TestSet.choose(self.labels[known], self.patients[known], positives_above=self.positives_above)

    def bootstrap(self, scores: pd.DataFrame, params: BootstrapParams) -> BootstrapResult:
        """AUC and interval of every finding that is also in `scores`; the same redraws for every model."""
        return bootstrap_auc(
            self.labels[scores.columns].to_numpy(),
            scores.to_numpy(),
            interval=params.interval,
            **params.redraws(self.patients),
        )

    def ratio(self, numerator: np.ndarray, denominator: np.ndarray, params: BootstrapParams) -> RatioResult:
        """Sum of `numerator` over sum of `denominator`, each [N, k], with intervals from the redraws of `bootstrap`."""
        return bootstrap_ratio(
            numerator,
            denominator,
            **params.redraws(self.patients),
        )

    def shared(self, *scores: pd.DataFrame) -> list[str]:
        """Evaluated findings that all models score, in label order; `DataError` when there is none."""
        names = [name for name in self.labels.columns if all(name in frame for frame in scores)]
        if not names:
            raise DataError(
                f"none of the {self.labels.shape[1]} evaluated findings has scores of every model; the labels are "
                f"called {list(self.labels.columns[:3])}, the scores {[list(frame.columns[:3]) for frame in scores]}"
            )
        return names


def read_test_set(params: EvaluatedFindings) -> tuple[pd.DataFrame, TestSet, int]:
    """Manifest rows of the test radiographs, their labels, and how many findings have too few positives to evaluate."""
    dataset = Dataset.read(params.dataset)
    rows, labels = dataset.rows("test"), dataset.labels("test")
    test = TestSet.choose(labels, rows["patient_id"].to_numpy(), positives_above=params.positives_above)
    return rows, test, labels.shape[1] - test.labels.shape[1]
