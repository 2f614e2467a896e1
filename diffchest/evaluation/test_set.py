"""The test set that the pipeline evaluates on, from its manifest and labels."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from diffchest.contracts.dataset import Dataset
from diffchest.errors import DataError
from diffchest.findings.averaged import kinds
from diffchest.findings.judged import counted, judged, reasons
from diffchest.params.evaluation import BootstrapParams, EvaluatedFindings
from diffchest.stats.bootstrap import BootstrapResult, bootstrap_auc
from diffchest.stats.ratio import RatioResult, bootstrap_ratio


@dataclass(frozen=True, eq=False)
class TestSet:
    """Labels [N, findings] (1, 0, NaN) of the judged findings (`findings.judged`), and the patient of each row.

    Rows of scores belong to rows of labels by index (the image ids). A model may have scored fewer images: `scored_by`.
    `unjudged` are the labels of the other findings, which are only listed; `positives_above` and `seen` are those of
    `choose`; `indicators` are labels that are no findings.
    """

    __test__ = False  # no pytest class

    labels: pd.DataFrame
    patients: np.ndarray
    positives_above: int = 0
    seen: pd.DataFrame | None = None
    unjudged: pd.DataFrame = field(default_factory=pd.DataFrame)
    indicators: frozenset[str] = frozenset()

    @classmethod
    def choose(
        cls,
        labels: pd.DataFrame,
        patients: np.ndarray,
        *,
        positives_above: int,
        seen: pd.DataFrame | None = None,
        indicators: Collection[str] = (),
    ) -> "TestSet":
        """Judge the findings with enough radiographs in `labels` and among those `seen` (see `findings.judged`).

        None at all is told, and no error: counts and reasons are a result. Raises `DataError` for a single patient.
        """
        if (number := len(set(patients))) < 2:
            raise DataError(f"the {len(labels)} test radiographs are of {number} patient(s); at least 2 are needed")
        kept = judged(labels, seen, positives_above=positives_above)
        return cls(
            labels[kept],
            np.asarray(patients),
            positives_above,
            seen,
            labels.drop(columns=kept),
            frozenset(indicators),
        )

    def kinds(self, findings: Sequence[str]) -> list[str]:
        """What kind of label each of `findings` is, see `findings.averaged`."""
        return kinds(findings, self.indicators)

    def listed(self, scores: pd.DataFrame, model: str, fitted_on: pd.DataFrame | None) -> pd.DataFrame:
        """All labels, judged or not: finding, kind, n, positives, finetune_n, finetune_positives, and `reason`.

        The reason says why `model`, which gave `scores`, is not judged there; "" where it is. Counts are of these
        images; those of fine-tuning are `fitted_on`, what `model` itself was fitted on (`findings.judged.counted`), and
        missing where nobody knows (None). All models are judged on the same findings, those that our head has `seen`
        enough of: where these counts are not the model's own, the reason says whose they are.
        """
        counts = counted(self.labels.join(self.unjudged))
        seen, known = (
            None if found is None else found.reindex(counts.index, fill_value=0) for found in (self.seen, fitted_on)
        )
        own = seen is not None and known is not None and np.array_equal(seen, known)
        known = counts.mask(counts >= 0) if known is None else known
        whose = "" if own else " of our head"
        why = reasons(counts, seen, positives_above=self.positives_above, whose=whose)
        why[[name in self.labels for name in counts.index]] = ""  # as it was judged, on all of its images
        why = why.mask((why == "") & ~counts.index.isin(scores.columns), f"no scores of {model}")
        table = counts.join(known.astype("Int64").add_prefix("finetune_")).assign(reason=why)
        table.insert(0, "kind", self.kinds([str(name) for name in counts.index]))
        return table.rename_axis("finding").reset_index()

    def scored_by(self, *scores: pd.DataFrame) -> "TestSet":
        """The part of this test set that all of these models score, with the findings that `choose` judges there.

        Raises `DataError` when that is no image at all.
        """
        known = np.logical_and.reduce([self.labels.index.isin(frame.index) for frame in scores])
        if known.all():
            return self
        if not known.any():
            raise DataError(
                f"none of the {len(self.labels)} test radiographs is scored by all models that are compared"
            )
        return TestSet.choose(
            self.labels.join(self.unjudged)[known],
            self.patients[known],
            positives_above=self.positives_above,
            seen=self.seen,
            indicators=self.indicators,
        )

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
        """Judged findings that all models score, in label order.

        Raises `DataError` where the models score no label at all together: their names must be those of the labels.
        """
        names = [str(name) for name in self.labels.join(self.unjudged) if all(name in frame for frame in scores)]
        if not names:
            raise DataError(
                f"none of the {self.labels.shape[1] + self.unjudged.shape[1]} labels has scores of every model; they "
                f"are called {[*self.labels, *self.unjudged][:3]}, the scores "
                f"{[list(frame.columns[:3]) for frame in scores]}"
            )
        return [name for name in names if name in self.labels]


def read_test_set(params: EvaluatedFindings, seen: pd.DataFrame | None) -> tuple[pd.DataFrame, TestSet]:
    """Manifest rows of the test radiographs, and their labels.

    seen: how many radiographs the judged model was fitted on, see `findings.judged`.
    """
    dataset = Dataset.read(params.dataset)
    rows, labels = dataset.rows("test"), dataset.labels("test")
    patients, more = rows["patient_id"].to_numpy(), params.positives_above
    test = TestSet.choose(labels, patients, positives_above=more, seen=seen, indicators=dataset.indicators)
    return rows, test
