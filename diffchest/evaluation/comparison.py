"""The paired comparison of two models: AUCs, their difference, permutation and DeLong tests (table S1)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from diffchest.evaluation.test_set import TestSet
from diffchest.params.evaluation import BootstrapParams, PermutationParams
from diffchest.stats.auc import as_columns
from diffchest.stats.bootstrap import percentile_interval
from diffchest.stats.delong import delong_test
from diffchest.stats.multiplicity import adjust
from diffchest.stats.permutation import permutation_test


def comparison_table(
    test: TestSet,
    scores: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    bootstrap: BootstrapParams,
    permutation: PermutationParams,
) -> pd.DataFrame:
    """Table S1: both models' AUC with interval, their difference with interval, and the tests, per finding.

    On the images that both models score.
    """
    test = test.scored_by(scores, reference)
    findings = test.shared(scores, reference)
    scores, reference = (frame.loc[test.labels.index, findings] for frame in (scores, reference))
    ours, theirs = (test.bootstrap(frame, bootstrap) for frame in (scores, reference))
    low, high = percentile_interval(ours.samples - theirs.samples, bootstrap.confidence)
    y, a, b = as_columns(test.labels[findings].to_numpy(), scores.to_numpy(), reference.to_numpy())
    permuted = permutation_test(
        y,
        a,
        b,
        groups=test.patients,
        resamples=permutation.resamples,
        scores=permutation.scores,
        seed=permutation.seed,
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
