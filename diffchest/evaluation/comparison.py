"""The paired comparison of two models: AUCs, their difference, permutation and DeLong tests (table S1)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from diffchest.evaluation.test_set import TestSet
from diffchest.findings.averaged import averaged, mean_over_findings
from diffchest.params.evaluation import BootstrapParams, PermutationParams
from diffchest.stats.auc import as_columns
from diffchest.stats.bootstrap import percentile_interval
from diffchest.stats.delong import delong_test
from diffchest.stats.multiplicity import adjust
from diffchest.stats.permutation import permutation_test

COMPARISON_COLUMNS = [
    *("finding", "kind", "n", "positives", "auc", "low", "high", "reference_auc", "reference_low", "reference_high"),
    *("difference", "difference_low", "difference_high", "undefined_redraws"),
    *("p_value", "p_holm", "p_bh", "p_delong"),
]


def comparison_table(
    test: TestSet,
    scores: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    bootstrap: BootstrapParams,
    permutation: PermutationParams,
) -> pd.DataFrame:
    """Table S1: both models' AUC with interval, their difference with interval, and the tests, per finding.

    On the images that both models score. The intervals of AUCs are those that `bootstrap` says, the difference's is
    that of the redraws that both share; p_delong takes a patient's images together (Obuchowski 1997), as p_value does.
    """
    test = test.scored_by(scores, reference)
    findings = test.shared(scores, reference)
    if not findings:
        return pd.DataFrame(columns=COMPARISON_COLUMNS)
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
            "kind": test.kinds(findings),
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
            "p_delong": delong_test(y, a, b, groups=bootstrap.groups(test.patients)).p_value,
        }
    )
    return table.sort_values(["auc", "finding"], ascending=[False, True])[COMPARISON_COLUMNS]


def comparison_metrics(table: pd.DataFrame, *, reference: str, alpha: float = 0.05) -> Mapping[str, object]:
    """Wins, ties and losses (AUCs to three decimals, as printed), mean AUCs and significant differences.

    wins_holm and losses_holm: how many of the wins and losses remain after Holm's correction, which is over all rows of
    the table. All is over the `findings` (findings/averaged.py) that both models score and that are judged; the means
    are called `shared`, since those of `evaluate` are over all that one model scores.
    """
    kinds, rows = table["kind"], table[averaged(table["kind"])]
    difference = (rows["auc"].round(3) - rows["reference_auc"].round(3)).round(3)
    significant = rows["p_holm"] < alpha
    return {
        "reference": reference,
        "findings": len(rows),
        "wins": int((difference > 0).sum()),
        "ties": int((difference == 0).sum()),
        "losses": int((difference < 0).sum()),
        "wins_holm": int((significant & (difference > 0)).sum()),
        "losses_holm": int((significant & (difference < 0)).sum()),
        "shared_macro_auc": mean_over_findings(kinds, table["auc"])[0],
        "reference_shared_macro_auc": mean_over_findings(kinds, table["reference_auc"])[0],
        "mean_difference": mean_over_findings(kinds, table["difference"])[0],
        "significant_holm": int(significant.sum()),
        "significant_bh": int((rows["p_bh"] < alpha).sum()),
    }
