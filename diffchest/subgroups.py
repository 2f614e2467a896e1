"""AUC and missed positives by sex, age band and view, and the gaps between such groups.

A classifier that ranks well overall may fail a group: underdiagnosis of women, the young, or those imaged lying down
(Seyyed-Kalantari et al. 2021, Nature Medicine).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from diffchest.evaluation import TestSet
from diffchest.params import BootstrapParams, SubgroupsParams
from diffchest.stats import adjust
from diffchest.stats.bootstrap import percentile_interval

MEASURES = ("auc", "missed")
GROUP_COLUMNS = [
    *("model", "attribute", "group", "finding", "n", "positives", "auc", "low", "high", "undefined_redraws"),
    *("missed", "missed_low", "missed_high"),
]
GAP_COLUMNS = [
    *("model", "measure", "attribute", "finding", "lowest", "highest", "gap", "low", "high"),
    *("p_value", "p_holm", "p_bh"),
]
DRAWS = 100_000  # of the normal approximation: the smallest p-value is 1e-5


@dataclass(frozen=True, eq=False)
class Groups:
    """Both measures of each group of an attribute: values [findings] and their redraws [resamples, findings].

    NaN where a finding has too few positives or negatives in the group.
    """

    attribute: str
    names: list[str]
    auc: list[tuple[np.ndarray, np.ndarray]]
    missed: list[tuple[np.ndarray, np.ndarray]]


def group_of(manifest: pd.DataFrame, attribute: str, age_bands: list[int]) -> pd.Series:
    """The group of each row of a manifest, "" where it is not known: sex, view, or age as `<40`, `40-59`, `>=60`."""
    if attribute != "age":
        return manifest[attribute].astype(str)
    edges = [-np.inf, *age_bands, np.inf]
    names = [f"<{age_bands[0]}"] if age_bands else ["all"]
    names += [f"{low}-{high - 1}" for low, high in pairwise(age_bands)]
    names += [f">={age_bands[-1]}"] if age_bands else []
    bands = pd.cut(manifest["age"], edges, right=False, labels=names)
    return bands.astype(object).where(bands.notna(), "").astype(str)


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
    `auc`; `missed`: the share of positives below the score that calls as many radiographs positive as there are in the
    whole test set, each with its interval. A finding is left out of a group with at most `params.positives_above`
    positives or negatives.

    A gap is the highest less the lowest group. Its interval is that of the difference of those two groups; its p-value
    takes account of their being chosen: how often the range of the groups would be as large were they all equal, by
    the normal approximation with the covariance of the redraws. Adjusted over the findings and attributes of a measure.
    """
    whole, test = test, test.scored_by(scores)
    manifest = manifest[whole.labels.index.isin(test.labels.index)]
    findings = test.shared(scores)
    scores = scores.loc[test.labels.index, findings]
    test = TestSet(test.labels[findings], test.patients)
    tables, gaps = [], []
    for attribute in params.attributes:
        group = group_of(manifest, attribute, params.age_bands).to_numpy()
        blocks, groups = _measure(test, scores[findings], group, attribute, params, bootstrap)
        tables += blocks
        gaps += [row for measure in MEASURES for row in _gaps(groups, findings, measure, bootstrap)]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=GROUP_COLUMNS)
    gap = pd.DataFrame(gaps, columns=GAP_COLUMNS[1:-2])
    for method in ("holm", "bh"):
        by_measure = gap.groupby("measure")["p_value"]
        gap[f"p_{method}"] = by_measure.transform(lambda p, method=method: adjust(p.to_numpy(), method))
    gap = gap.sort_values(["measure", "p_value", "attribute", "finding"], ignore_index=True)
    return table.assign(model=model)[GROUP_COLUMNS], gap.assign(model=model)[GAP_COLUMNS]


def _measure(
    test: TestSet,
    scores: pd.DataFrame,
    group: np.ndarray,
    attribute: str,
    params: SubgroupsParams,
    bootstrap: BootstrapParams,
) -> tuple[list[pd.DataFrame], Groups]:
    y = test.labels.to_numpy(dtype=np.float64)
    missed = _missed(y, scores.to_numpy())
    names = [name for name in _ordered(group) if name]
    tables, kept = [], Groups(attribute, names, auc=[], missed=[])
    for name in names:
        own = np.where((group == name)[:, None], y, np.nan)
        positives, negatives = (own == 1).sum(axis=0), (own == 0).sum(axis=0)
        enough = np.minimum(positives, negatives) > params.positives_above
        own[:, ~enough] = np.nan
        auc = TestSet(pd.DataFrame(own, columns=test.labels.columns), test.patients).bootstrap(scores, bootstrap)
        rate = test.ratio(missed * (own == 1), (own == 1) * 1.0, bootstrap)
        columns = {
            "attribute": attribute,
            "group": name,
            "finding": test.labels.columns,
            "n": positives + negatives,
            "positives": positives,
            "auc": auc.auc,
            "low": auc.low,
            "high": auc.high,
            "undefined_redraws": auc.undefined,
            "missed": rate.value,
            "missed_low": rate.low,
            "missed_high": rate.high,
        }
        tables.append(pd.DataFrame(columns)[enough])
        kept.auc.append((auc.auc, auc.samples))
        kept.missed.append((rate.value, rate.samples))
    return tables, kept


def _ordered(group: np.ndarray) -> list[str]:
    """Names in the order of the alphabet, age bands by age."""
    return sorted(set(group), key=lambda name: (not name.startswith("<"), name.startswith(">"), name))


def _missed(y: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Which positives [N, findings] lie below the score that calls as many rows positive as there are."""
    missed = np.zeros(y.shape)
    for f in range(y.shape[1]):
        known = ~np.isnan(y[:, f])
        positives = int((y[known, f] == 1).sum())
        threshold = np.sort(scores[known, f])[::-1][positives - 1]
        missed[:, f] = (y[:, f] == 1) & (scores[:, f] < threshold)
    return missed


def _gaps(groups: Groups, findings: list[str], measure: str, bootstrap: BootstrapParams) -> Iterator[tuple]:
    """The largest gap of each finding that at least two groups have."""
    if len(groups.names) < 2:
        return
    values, samples = (np.stack(arrays) for arrays in zip(*getattr(groups, measure), strict=True))
    for f, finding in enumerate(findings):
        there = np.flatnonzero(np.isfinite(values[:, f]))
        if len(there) < 2:
            continue
        low, high = there[values[there, f].argmin()], there[values[there, f].argmax()]
        difference = (samples[high, :, f] - samples[low, :, f])[:, None]
        interval = percentile_interval(difference, bootstrap.confidence)
        p_value = range_p_value(values[there, f], samples[there, :, f].T, seed=bootstrap.seed)
        gap = values[high, f] - values[low, f]
        names = groups.names[low], groups.names[high]
        yield (measure, groups.attribute, finding, *names, gap, interval[0][0], interval[1][0], p_value)


def range_p_value(values: np.ndarray, samples: np.ndarray, *, seed: int) -> float:
    """p-value of the range (largest less smallest) of G estimates [G] were all true values equal.

    samples [resamples, G]: bootstrap redraws, whose covariance the estimates are taken to have, with normal errors; NaN
    redraws are left out. NaN where fewer than two redraws are complete.
    """
    complete = samples[~np.isnan(samples).any(axis=1)]
    if len(complete) < 2:
        return float("nan")
    variance, axes = np.linalg.eigh(np.atleast_2d(np.cov(complete, rowvar=False)))
    normal = np.random.default_rng(seed).standard_normal((DRAWS, len(values)))
    chance = np.ptp((normal * np.sqrt(np.maximum(variance, 0.0))) @ axes.T, axis=1)
    return float((1 + (chance >= np.ptp(values)).sum()) / (1 + DRAWS))


def subgroup_metrics(table: pd.DataFrame, gaps: pd.DataFrame, *, alpha: float = 0.05) -> dict:
    """By attribute and group the mean AUC over findings that all its groups have, and how many gaps are significant."""
    metrics: dict = {}
    for attribute, rows in table.groupby("attribute", sort=False):
        wide = rows.pivot(index="finding", columns="group", values="auc").dropna()
        own = gaps[(gaps["attribute"] == attribute) & (gaps["measure"] == "auc")]
        metrics[str(attribute)] = {
            "findings": len(wide),
            "macro_auc": {group: float(wide[group].mean()) for group in _ordered(wide.columns.to_numpy())},
            "gaps": len(own),
            "significant_holm": int((own["p_holm"] < alpha).sum()),
            "significant_bh": int((own["p_bh"] < alpha).sum()),
        }
    return metrics
