"""AUC and missed positives by sex, age band and view, and the gaps between such groups.

A classifier that ranks well overall may fail a group: underdiagnosis of women, the young, or those imaged lying down
(Seyyed-Kalantari et al. 2021, Nature Medicine).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from diffchest.evaluation.test_set import TestSet
from diffchest.findings.averaged import averaged
from diffchest.params.evaluation import BootstrapParams, SubgroupsParams
from diffchest.stats import adjust
from diffchest.stats.auc import wins
from diffchest.stats.bootstrap import percentile_interval

MEASURES = ("auc", "missed")
GROUP_COLUMNS = [
    *("model", "attribute", "group", "finding", "kind", "n", "positives", "auc", "low", "high", "undefined_redraws"),
    *("missed", "missed_low", "missed_high"),
]
GAP_COLUMNS = [
    *("model", "measure", "attribute", "finding", "lowest", "highest", "gap", "low", "high"),
    *("p_value", "p_holm", "p_bh"),
]
SKEWEST = 2.0  # beyond it the approximation of the Pearson distribution fails
DRAWS = 100_000  # of the normal approximation: the smallest p-value is 1e-5


@dataclass(frozen=True, eq=False)
class Pooled:
    """What the whole test set says of a finding, [findings] each, for the spread of groups that are all alike.

    placement_moments: second and third central moment of the placements (DeLong 1988) of positives and of negatives
    [moment, class, findings]; missed: share of the positives; auc_effect, missed_effect: how much larger the variance
    is than that of as many patients with one image each.
    """

    placement_moments: np.ndarray
    missed: np.ndarray
    auc_effect: np.ndarray
    missed_effect: np.ndarray


@dataclass(frozen=True, eq=False)
class Measured:
    """One measure of one group, [findings] each: value, interval; standard error and skewness were all groups alike."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    error: np.ndarray
    skewness: np.ndarray
    samples: np.ndarray | None = None  # [resamples, findings]


def group_of(manifest: pd.DataFrame, attribute: str, age_bands: list[int]) -> tuple[np.ndarray, list[str]]:
    """The group of each row of a manifest, "" where it is not known, and the groups in order.

    Groups are those of sex or view by the alphabet, or ages as `<40`, `40-59`, `>=60`.
    """
    if attribute != "age":
        groups = manifest[attribute].fillna("").astype(str).to_numpy()
        return groups, sorted(set(groups) - {""})
    edges = [-np.inf, *age_bands, np.inf]
    names = [f"<{age_bands[0]}"] if age_bands else ["all"]
    names += [f"{low}-{high - 1}" for low, high in pairwise(age_bands)]
    names += [f">={age_bands[-1]}"] if age_bands else []
    bands = pd.cut(manifest["age"], edges, right=False, labels=names)
    groups = bands.astype(object).where(bands.notna(), "").to_numpy(dtype=str)
    return groups, [name for name in names if name in set(groups)]


def subgroup_tables(
    test: TestSet,
    scores: pd.DataFrame,
    manifest: pd.DataFrame,
    *,
    model: str,
    params: SubgroupsParams,
    bootstrap: BootstrapParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measures of every finding in every group (`GROUP_COLUMNS`), and the gaps between groups (`GAP_COLUMNS`).

    scores: columns that `test` has labels for; manifest: rows as in `test`. On the images that are scored. Per group:
    `auc` with its bootstrap interval; `missed`: the share of positives below the score that calls as many radiographs
    positive as there are in the whole test set (that score is held fixed), with Wilson's interval for as many
    independent positives as they are worth. A finding is left out of a group with at most `params.positives_above`
    positives or negatives; indicators and "nothing abnormal" have no `missed`.

    A gap is the highest less the lowest group. Its interval is that of the difference of those two groups; its p-value
    takes account of their being chosen, see `range_p_value`. Adjusted over the findings and attributes of a measure.
    """
    whole, test = test, test.scored_by(scores)
    manifest = manifest[whole.labels.index.isin(test.labels.index)]
    findings = test.shared(scores)
    if not findings:
        return pd.DataFrame(columns=GROUP_COLUMNS), pd.DataFrame(columns=GAP_COLUMNS)
    test, scores = replace(test, labels=test.labels[findings]), scores.loc[test.labels.index, findings]
    missed = _missed(test.labels.to_numpy(dtype=np.float64), scores.to_numpy(dtype=np.float64))
    missed[:, ~averaged(test.kinds(findings))] = np.nan
    pooled = _pooled(test, scores, missed, bootstrap)
    tables, gaps = [], []
    for attribute in params.attributes:
        group, names = group_of(manifest, attribute, params.age_bands)
        results = {measure: [] for measure in MEASURES}
        for name in names:
            table, auc, rate = _measure_group(test, scores, missed, group == name, pooled, params, bootstrap)
            tables.append(table.assign(attribute=attribute, group=name))
            results["auc"].append(auc)
            results["missed"].append(rate)
        for measure in MEASURES:
            gaps += _gaps(results[measure], names, findings, (measure, attribute), bootstrap)
    table = pd.concat(tables) if tables else pd.DataFrame(columns=GROUP_COLUMNS)
    gap = pd.DataFrame(gaps, columns=GAP_COLUMNS[1:-2])
    for method in ("holm", "bh"):
        by_measure = gap.groupby("measure")["p_value"]
        gap[f"p_{method}"] = by_measure.transform(lambda p, method=method: adjust(p.to_numpy(), method))
    gap = gap.sort_values(["measure", "p_value", "attribute", "finding"], ignore_index=True)
    return table.assign(model=model)[GROUP_COLUMNS], gap.assign(model=model)[GAP_COLUMNS]


def _missed(y: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """How far each row [N, findings] is a positive that is missed: 1, 0, or in between for a score at the threshold.

    As many rows are called as are positive; rows that tie at the threshold share the calls that are left.
    """
    missed = np.zeros(y.shape)
    for f in range(y.shape[1]):
        known = ~np.isnan(y[:, f])
        positives = int((y[known, f] == 1).sum())
        threshold = np.sort(scores[known, f])[::-1][positives - 1]
        left = positives - (scores[known, f] > threshold).sum()
        tied = scores[:, f] == threshold
        uncalled = np.where(tied, 1 - left / max((tied & known).sum(), 1), scores[:, f] < threshold)
        missed[:, f] = np.where(y[:, f] == 1, uncalled, 0.0)
    return missed


def _pooled(test: TestSet, scores: pd.DataFrame, missed: np.ndarray, bootstrap: BootstrapParams) -> Pooled:
    """Variances of a positive, a negative and a miss in the whole test set, and the effect of patients on them."""
    y = test.labels.to_numpy(dtype=np.float64)
    columns = zip(y.T, scores.to_numpy(dtype=np.float64).T, strict=True)
    moments = np.stack([_placement_moments(*column) for column in columns], axis=-1)
    positives, negatives = (y == 1).sum(axis=0), (y == 0).sum(axis=0)
    rate = test.ratio(np.nan_to_num(missed), (y == 1) * 1.0, bootstrap)
    value = np.where(np.isnan(missed).any(axis=0), np.nan, rate.value)
    redrawn = test.bootstrap(scores, bootstrap).samples
    with np.errstate(invalid="ignore", divide="ignore"):
        auc_effect = np.nanvar(redrawn, axis=0) / (moments[0, 0] / positives + moments[0, 1] / negatives)
        missed_effect = np.nanvar(rate.samples, axis=0) / (value * (1 - value) / positives)
    # images of one patient never tell more than those of as many patients; below 1 is chance
    effects = (np.fmax(np.where(np.isfinite(effect), effect, 1.0), 1.0) for effect in (auc_effect, missed_effect))
    return Pooled(moments, value, *effects)


def _placement_moments(y: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Central moments 2 and 3 of the placements of positives among negatives, and the other way round: [2, 2]."""
    positive, negative = score[y == 1], score[y == 0]
    placements = wins(positive, negative) / len(negative), 1 - wins(negative, positive) / len(positive)
    return np.array([[np.mean((part - part.mean()) ** order) for part in placements] for order in (2, 3)])


def _measure_group(
    test: TestSet,
    scores: pd.DataFrame,
    missed: np.ndarray,
    member: np.ndarray,
    pooled: Pooled,
    params: SubgroupsParams,
    bootstrap: BootstrapParams,
) -> tuple[pd.DataFrame, Measured, Measured]:
    """The rows of one group, and both measures; NaN for findings with too few positives or negatives in it."""
    own = np.where(member[:, None], test.labels.to_numpy(dtype=np.float64), np.nan)
    positives, negatives = (own == 1).sum(axis=0), (own == 0).sum(axis=0)
    enough = np.minimum(positives, negatives) > params.positives_above
    own[:, ~enough] = np.nan
    result = replace(test, labels=pd.DataFrame(own, columns=test.labels.columns)).bootstrap(scores, bootstrap)
    with np.errstate(invalid="ignore", divide="ignore"):
        worth = np.stack([positives, negatives]) / pooled.auc_effect
        variance, third = (pooled.placement_moments / np.stack([worth, worth**2])).sum(axis=1)
        auc = Measured(result.auc, result.low, result.high, np.sqrt(variance), third / variance**1.5, result.samples)
        worth, p = positives / pooled.missed_effect, pooled.missed
        rate = np.where(enough, (missed * (own == 1)).sum(axis=0) / positives, np.nan)
        low, high = (np.asarray(end) for end in _wilson(rate, worth, bootstrap.confidence))
        error = np.sqrt(p * (1 - p) / worth)
        chance = Measured(rate, low, high, error, (1 - 2 * p) / (worth * error))
    columns = {
        "finding": test.labels.columns,
        "kind": test.kinds(list(test.labels.columns)),
        "n": positives + negatives,
        "positives": positives,
        "auc": auc.value,
        "low": auc.low,
        "high": auc.high,
        "undefined_redraws": result.undefined,
        "missed": chance.value,
        "missed_low": chance.low,
        "missed_high": chance.high,
    }
    return pd.DataFrame(columns)[enough], auc, chance


def _wilson(rate: np.ndarray, number: np.ndarray, confidence: float) -> tuple[Any, Any]:
    return proportion_confint(rate * number, number, alpha=1 - confidence, method="wilson")


def _gaps(
    groups: list[Measured], names: list[str], findings: list[str], prefix: tuple[str, str], bootstrap: BootstrapParams
) -> Iterator[tuple]:
    """The largest gap of each finding that at least two groups have."""
    for f, finding in enumerate(findings):
        values = np.array([group.value[f] for group in groups])
        there = np.flatnonzero(np.isfinite(values))
        if len(there) < 2:
            continue
        low, high = there[values[there].argmin()], there[values[there].argmax()]
        gap = values[high] - values[low]
        interval = _difference(groups[high], groups[low], f, bootstrap.confidence)
        errors, skewness = np.array([(groups[group].error[f], groups[group].skewness[f]) for group in there]).T
        p_value = range_p_value(values[there], errors, skewness, seed=bootstrap.seed)
        yield (*prefix, finding, names[low], names[high], gap, *interval, p_value)


def _difference(a: Measured, b: Measured, f: int, confidence: float) -> tuple[float, float]:
    """Interval of a - b: from their common redraws, or from their own intervals (Newcombe 1998)."""
    if a.samples is not None and b.samples is not None:
        low, high = percentile_interval((a.samples[:, f] - b.samples[:, f])[:, None], confidence)
        return float(low[0]), float(high[0])
    gap = a.value[f] - b.value[f]
    below = np.hypot(a.value[f] - a.low[f], b.high[f] - b.value[f])
    return gap - below, gap + np.hypot(a.high[f] - a.value[f], b.value[f] - b.low[f])


def range_p_value(values: np.ndarray, errors: np.ndarray, skewness: np.ndarray, *, seed: int) -> float:
    """p-value of the range (largest less smallest) of G estimates [G] were all true values equal.

    errors, skewness [G]: standard error and skewness of each estimate *if* all groups are alike, from the whole test
    set. Those of the redraws of a small group will not do: where its few positives happen to rank first they are near
    0, and every gap seems certain. Estimates count as independent, which errs on the safe side where groups share
    patients, and as of the Pearson type III distribution: an AUC near 1 can fall much farther than it can rise. NaN for
    a skewness beyond `SKEWEST`, where one radiograph out of order decides.
    """
    if not (np.abs(skewness) <= SKEWEST).all():
        return float("nan")
    normal = _normal(len(values), seed)
    s = np.where(np.abs(skewness) < 1e-6, 1e-6, skewness)[:, None]
    skewed = 2 / s * (np.maximum(1 + s / 6 * (normal - s / 6), 0) ** 3 - 1)  # Wilson & Hilferty 1931
    noise = errors[:, None] * skewed
    chance = noise.max(axis=0) - noise.min(axis=0)
    return float((1 + (chance >= np.ptp(values)).sum()) / (1 + DRAWS))


@cache
def _normal(groups: int, seed: int) -> np.ndarray:
    """Standard normal numbers [groups, DRAWS], the same for all findings."""
    return np.random.default_rng(seed).standard_normal((groups, DRAWS))


def subgroup_metrics(table: pd.DataFrame, gaps: pd.DataFrame, *, alpha: float = 0.05) -> dict:
    """By attribute, the mean AUC of each group over findings that all groups have, and significant gaps by measure."""
    metrics: dict = {}
    for attribute, rows in table[averaged(table["kind"])].groupby("attribute", sort=False):
        wide = rows.pivot(index="finding", columns="group", values="auc").dropna()
        means = {group: float(wide[group].mean()) for group in dict.fromkeys(rows["group"])}
        metrics[str(attribute)] = {"findings": len(wide), "macro_auc": means}
        for measure, own in gaps[gaps["attribute"] == attribute].groupby("measure"):
            significant = {f"significant_{name}": int((own[f"p_{name}"] < alpha).sum()) for name in ("holm", "bh")}
            metrics[str(attribute)][f"{measure}_gaps"] = {"tested": int(own["p_value"].notna().sum()), **significant}
    return metrics
