"""AUC tables of one or several models on one test set (figure 2, table S1)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from diffchest.disease_free import normal_finding
from diffchest.errors import DataError
from diffchest.params import BootstrapParams, EvaluationParams
from diffchest.progress import notice
from diffchest.stats.auc import as_columns
from diffchest.stats.bootstrap import BootstrapResult, bootstrap_auc, percentile_interval
from diffchest.stats.delong import delong_test
from diffchest.stats.multiplicity import adjust
from diffchest.stats.permutation import permutation_test
from diffchest.stats.ratio import RatioResult, bootstrap_ratio


def tell_unmatched(evaluated: Collection[str], scores: Mapping[str, pd.DataFrame]) -> None:
    """Say which of the evaluated findings a model (by name) has no scores for: its tables and comparisons lack them."""
    for model, frame in scores.items():
        missing = [finding for finding in evaluated if finding not in frame]
        if missing:
            notice(
                f"{model} has no scores for {len(missing)} of {len(evaluated)} evaluated findings, which are left out: "
                + ", ".join(missing)
            )


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
            groups=self.patients if params.unit == "patient" else None,
            resamples=params.resamples,
            confidence=params.confidence,
            seed=params.seed,
        )

    def ratio(self, numerator: np.ndarray, denominator: np.ndarray, params: BootstrapParams) -> RatioResult:
        """Sum of `numerator` over sum of `denominator`, each [N, k], with intervals from the redraws of `bootstrap`."""
        return bootstrap_ratio(
            numerator,
            denominator,
            groups=self.patients if params.unit == "patient" else None,
            resamples=params.resamples,
            confidence=params.confidence,
            seed=params.seed,
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


def auc_table(
    test: TestSet, scores: pd.DataFrame, *, model: str, drawn: Collection[str], params: BootstrapParams
) -> tuple[pd.DataFrame, dict]:
    """One row per finding, best first, and the model's summary metrics.

    Columns: model, finding, n, positives, auc, low, high, undefined_redraws, drawn. On the images that are scored; the
    metrics say how many are not (`unscored_images`).
    """
    images = len(test.labels)
    test = test.scored_by(scores)
    findings = test.shared(scores)
    result = test.bootstrap(scores.loc[test.labels.index, findings], params)
    labels = test.labels[findings]
    table = pd.DataFrame(
        {
            "model": model,
            "finding": findings,
            "n": labels.notna().sum().to_numpy(),
            "positives": (labels == 1).sum().to_numpy(),
            "auc": result.auc,
            "low": result.low,
            "high": result.high,
            "undefined_redraws": result.undefined,
            "drawn": [name in drawn for name in findings],
        }
    )
    is_drawn = table["drawn"].to_numpy()
    diseased = np.array([name != normal_finding(findings) for name in findings])  # "normal" is no finding to average
    metrics = _macro("macro_auc", result, diseased, params.confidence)
    if is_drawn.any():
        metrics |= _macro("drawn_macro_auc", result, is_drawn, params.confidence)
        metrics |= _macro("not_drawn_macro_auc", result, ~is_drawn & diseased, params.confidence)
    metrics |= {
        "findings": len(table),
        "unscored_images": images - len(test.labels),
        "at_least_0.9": int((result.auc >= 0.9).sum()),
        "at_least_0.7": int((result.auc >= 0.7).sum()),
        "auc": dict(zip(findings, result.auc, strict=True)),
    }
    return table.sort_values(["auc", "finding"], ascending=[False, True]), metrics


def _macro(name: str, result: BootstrapResult, chosen: np.ndarray, confidence: float) -> dict[str, float]:
    """Mean AUC over the chosen findings with the interval of that mean over the same redraws."""
    if not chosen.any():
        return {name: float("nan"), f"{name}_low": float("nan"), f"{name}_high": float("nan")}
    samples = result.samples[:, chosen].mean(axis=1, keepdims=True)  # NaN where a redraw left one finding undefined
    low, high = percentile_interval(samples, confidence)
    return {
        name: float(result.auc[chosen].mean()),
        f"{name}_low": low[0],
        f"{name}_high": high[0],
        f"{name}_undefined_redraws": int(np.isnan(samples).sum()),
    }


def comparison_table(
    test: TestSet, scores: pd.DataFrame, reference: pd.DataFrame, *, params: EvaluationParams
) -> pd.DataFrame:
    """Table S1: both models' AUC with interval, their difference with interval, and the tests, per finding.

    On the images that both models score.
    """
    test = test.scored_by(scores, reference)
    findings = test.shared(scores, reference)
    scores, reference = (frame.loc[test.labels.index, findings] for frame in (scores, reference))
    ours, theirs = (test.bootstrap(frame, params.bootstrap) for frame in (scores, reference))
    low, high = percentile_interval(ours.samples - theirs.samples, params.bootstrap.confidence)
    y, a, b = as_columns(test.labels[findings].to_numpy(), scores.to_numpy(), reference.to_numpy())
    permuted = permutation_test(
        y,
        a,
        b,
        groups=test.patients,
        resamples=params.permutation.resamples,
        scores=params.permutation.scores,
        seed=params.permutation.seed,
    )
    table = pd.DataFrame(
        {
            "finding": findings,
            "n": (~np.isnan(y)).sum(axis=0),
            "positives": (y == 1).sum(axis=0),
            "auc": ours.auc,
            "low": ours.low,
            "high": ours.high,
            "reference_auc": theirs.auc,
            "reference_low": theirs.low,
            "reference_high": theirs.high,
            "difference": ours.auc - theirs.auc,
            "difference_low": low,
            "difference_high": high,
            "undefined_redraws": np.isnan(ours.samples - theirs.samples).sum(axis=0),
            "p_value": permuted.p_value,
            "p_holm": adjust(permuted.p_value, "holm"),
            "p_bh": adjust(permuted.p_value, "bh"),
            "p_delong": delong_test(y, a, b).p_value,
        }
    )
    return table.sort_values(["auc", "finding"], ascending=[False, True])


def comparison_metrics(table: pd.DataFrame, *, reference: str, alpha: float = 0.05) -> Mapping[str, object]:
    """Wins, ties and losses (AUCs to three decimals, as printed), mean AUCs and significant differences."""
    difference = (table["auc"].round(3) - table["reference_auc"].round(3)).round(3)
    return {
        "reference": reference,
        "findings": len(table),
        "wins": int((difference > 0).sum()),
        "ties": int((difference == 0).sum()),
        "losses": int((difference < 0).sum()),
        "mean_auc": table["auc"].mean(),
        "reference_mean_auc": table["reference_auc"].mean(),
        "mean_difference": table["difference"].mean(),
        "significant_holm": int((table["p_holm"] < alpha).sum()),
        "significant_bh": int((table["p_bh"] < alpha).sum()),
    }
