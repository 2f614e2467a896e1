"""Does a confounder matter: the AUC of finding A among test radiographs with and without its confounder B.

A pneumothorax head that reads the chest drain still has a high AUC over all radiographs, where many a pneumothorax has
a drain; it loses that AUC among the radiographs without one (Oakden-Rayner et al. 2020).
"""

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import norm

from diffchest import paths
from diffchest.errors import DataError
from diffchest.evaluation.test_set import TestSet
from diffchest.findings.cooccurrence import PAIR, go_together
from diffchest.findings.judged import CHANCE
from diffchest.params.evaluation import BootstrapParams
from diffchest.stats import adjust
from diffchest.stats.bootstrap import BootstrapResult, percentile_interval

SOURCES = ("audit", "labels", "not audited")
GROUPS = ("", "with_", "without_")
MEASURES = ("n", "positives", "auc", "low", "high")
COLUMNS = [
    *(*PAIR, "kind", "source", "p_b_given_a", "lift"),
    *(f"{group}{measure}" for group in GROUPS for measure in MEASURES),
    *("drop", "drop_low", "drop_high", "undefined_redraws", "p_value", "p_holm", "p_bh", "collapses"),
]


def pairs_to_test(
    audit: pd.DataFrame, counts: pd.DataFrame, *, kinds: Mapping[str, str], lift: float, cooccurrence: float
) -> pd.DataFrame:
    """Every pair that the audit flags, and every other that the labels point to: target, confounder and where from.

    audit: target, confounder, flagged; counts: as `cooccurrence.count_pairs` gives them. `source` is

    * audit: flagged
    * labels: not flagged, but the labels say that they go together
    * not audited: the same of a target that was not audited. On phantoms these are findings that no picture shows,
      which a head can know only through others: they must lose AUC, or the test sees nothing
    """
    for name, table, columns in (
        ("confounders", audit, [*PAIR, "flagged"]),
        ("label_cooccurrence", counts, [*PAIR, "p_b_given_a", "lift"]),
    ):
        for column in sorted(set(columns).difference(table.columns)):
            raise DataError(f"{paths.table(name)}: no column {column!r}; run `dvc repro confounders` again")
    flagged = audit[PAIR][audit["flagged"].astype(bool)]
    witnessed = counts[PAIR][go_together(counts, lift=lift, cooccurrence=cooccurrence)]
    pairs = pd.concat([flagged, witnessed]).drop_duplicates(ignore_index=True)
    audited = pairs["target"].isin(audit["target"])
    pairs["kind"] = pairs["confounder"].map(kinds).fillna("")
    pairs["source"] = np.where(pairs.index < len(flagged), "audit", np.where(audited, "labels", "not audited"))
    return pairs.merge(counts[[*PAIR, "p_b_given_a", "lift"]], on=PAIR, how="left", validate="one_to_one")


def reliance_table(
    pairs: pd.DataFrame,
    test: TestSet,
    scores: pd.DataFrame,
    *,
    positives_above: int,
    bootstrap: BootstrapParams,
    alpha: float,
) -> pd.DataFrame:
    """One row per pair (`COLUMNS`), by source and falling drop; without pairs, no rows.

    pairs: as `pairs_to_test` gives them; scores: rows as in `test`. Radiographs of which A or B is not assessed take no
    part in a pair.

    * n, positives, auc, low, high: of A's score in all radiographs; `with_`, `without_`: where B is present, absent.
      NaN where a group has at most `positives_above` positives or negatives
    * drop: AUC of all less AUC without B, with its interval from the same redraws. Not with less without: B is the same
      throughout either group, so a head that reads nothing but B has 0.5 in both
    * p_value: two-sided, of no drop, by the normal approximation with the spread of the redraws; adjusted over
      the pairs of one source
    * collapses: p_bh < `alpha`, and without B at most half of what the AUC is above chance is left

    Raises `DataError` for a finding without labels or scores.
    """
    if pairs.empty:
        return pd.DataFrame(columns=COLUMNS)
    _check_known(pairs, test, scores)
    with_b = (test.labels[pairs["confounder"]].to_numpy() == 1) * 1.0
    with_b[test.labels[pairs["confounder"]].isna().to_numpy()] = np.nan
    y = test.labels[pairs["target"]].to_numpy(dtype=np.float64)
    own = pd.DataFrame(scores[pairs["target"]].to_numpy())
    table, results = pairs.copy(), {}
    for group, rows in zip(GROUPS, (~np.isnan(with_b), with_b == 1, with_b == 0), strict=True):
        chosen = np.where(rows, y, np.nan)
        n, positives = (~np.isnan(chosen)).sum(axis=0), (chosen == 1).sum(axis=0)
        chosen[:, np.minimum(positives, n - positives) <= positives_above] = np.nan
        results[group] = TestSet(pd.DataFrame(chosen), test.patients).bootstrap(own, bootstrap)
        result = results[group]
        for name, values in zip(MEASURES, (n, positives, result.auc, result.low, result.high), strict=True):
            table[group + name] = values
    table = _with_drop(table, results[""], results["without_"], bootstrap)
    for method in ("holm", "bh"):
        families = table.groupby("source")["p_value"]
        table[f"p_{method}"] = families.transform(lambda p, method=method: adjust(p.to_numpy(), method))
    halved = table["without_auc"] - CHANCE <= (table["auc"] - CHANCE) / 2
    table["collapses"] = (table["drop"] > 0) & (table["p_bh"] < alpha) & halved
    order = table["source"].map(SOURCES.index)
    table = table.assign(order=order).sort_values(["order", "drop", *PAIR], ascending=[True, False, True, True])
    return table[COLUMNS].reset_index(drop=True)


def _with_drop(
    table: pd.DataFrame, overall: BootstrapResult, without: BootstrapResult, bootstrap: BootstrapParams
) -> pd.DataFrame:
    samples = overall.samples - without.samples
    low, high = percentile_interval(samples, bootstrap.confidence)
    drop = overall.auc - without.auc
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a pair without a defined redraw
        p_value = np.where(drop == 0, 1.0, 2 * norm.sf(np.abs(drop) / np.nanstd(samples, axis=0, ddof=1)))
    undefined = np.isnan(samples).sum(axis=0) * ~np.isnan(drop)
    return table.assign(drop=drop, drop_low=low, drop_high=high, undefined_redraws=undefined, p_value=p_value)


def _check_known(pairs: pd.DataFrame, test: TestSet, scores: pd.DataFrame) -> None:
    for role, names, where in (
        ("target", test.labels.columns, "among the evaluated findings of the test set"),
        ("confounder", test.labels.columns, "among the evaluated findings of the test set"),
        ("target", scores.columns, "in the scores"),
    ):
        unknown = pairs.loc[~pairs[role].isin(names), role]
        if len(unknown):
            raise DataError(
                f"{paths.table('confounders')}: {role} {unknown.iloc[0]!r} is not {where} ({len(names)} findings, such "
                f"as {list(names[:3])}); run `dvc repro confounders` again"
            )


def reliance_metrics(table: pd.DataFrame, *, alpha: float = 0.05) -> dict:
    """By source of the pairs: how many, how many with a group too small, significant changes, collapses, the drops."""
    return {source.replace(" ", "_"): _summary(table[table["source"] == source], alpha) for source in SOURCES}


def _summary(rows: pd.DataFrame, alpha: float) -> dict:
    tested = rows[rows["drop"].notna()]
    significant = tested["drop"][tested["p_bh"] < alpha]
    return {
        "pairs": len(rows),
        "too_few_with": int(rows["with_auc"].isna().sum()),
        "too_few_without": int(rows["without_auc"].isna().sum()),
        "tested": len(tested),
        "drops_holm": int(((tested["drop"] > 0) & (tested["p_holm"] < alpha)).sum()),
        "drops_bh": int((significant > 0).sum()),
        "rises_bh": int((significant < 0).sum()),
        "collapses": int(tested["collapses"].sum()),
        "mean_drop": float(tested["drop"].mean()) if len(tested) else float("nan"),
        "largest_drop": float(tested["drop"].max()) if len(tested) else float("nan"),
    }
