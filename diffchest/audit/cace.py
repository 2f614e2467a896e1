"""The truth on phantoms: what a score does when B alone is truly drawn into the same radiograph, or left out.

The causal concept effect (CaCE) of Goyal et al. 2019: the mean over radiographs of the score with B less the score
without, all else the same. True twins are exactly that. For judging alone: nothing that explains reads them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from diffchest.audit.ranking import average_precisions
from diffchest.contracts.twin_scores import TwinScores

BOUND = 0.5  # SD of A's logit, from which on A truly responds to B
NOTHING = 0.15  # ... and below which, up or down, it does not
REDRAWS = 1000  # of targets, for the intervals of differences


def twin_changes(scores: TwinScores, spread: np.ndarray) -> np.ndarray:
    """What each finding truly does to each logit in each radiograph, in its spread [K]: [P, F, K], over placements.

    NaN where there is no twin: nobody would see a difference, or the patient's sex does not have the finding.
    """
    radiograph = {name: row for row, name in enumerate(scores.image_id)}
    column = {name: number for number, name in enumerate(scores.findings)}
    total = np.zeros((len(radiograph), len(column), len(scores.outputs)))
    number = np.zeros(total.shape[:2])
    for twin, logits in zip(scores.twin_id, scores.logits_twin.astype(np.float64), strict=True):
        image_id, finding, _ = twin.rsplit("|", 2)
        if finding in column:
            place = radiograph[image_id], column[finding]
            total[place] += logits - scores.logits_original[place[0]]
            number[place] += 1
    with np.errstate(invalid="ignore"):
        mean = total / np.where(number, number, np.nan)[:, :, None]
    return np.where(scores.present, -1.0, 1.0)[:, :, None] * mean / spread


def with_truth(table: pd.DataFrame, scores: TwinScores, spread: np.ndarray) -> pd.DataFrame:
    """Add cace, cace_low, cace_high: mean and 95 % t interval over patients, in `spread` [K]; NaN without twins."""
    changes = twin_changes(scores, spread)
    number = np.isfinite(changes).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(number, np.nansum(changes, axis=0) / number, np.nan)
        square = np.nansum((changes - mean) ** 2, axis=0) / (number - 1)
        half = stats.t.ppf(0.975, np.maximum(number - 1, 1)) * np.sqrt(square / number)
    rows = pd.Series(range(len(scores.findings)), index=scores.findings)[table["confounder"]].to_numpy(np.int64)
    columns = np.array(scores.columns(table["target"].tolist()), dtype=np.int64)
    value, width = mean[rows, columns], half[rows, columns]
    return table.assign(cace=value, cace_low=value - width, cace_high=value + width)


def cace_metrics(table: pd.DataFrame, rivals: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """How well `response` tells the truth `cace`, of the pairs in which both are known; NaN where they are in none.

    * average_precision, roc_auc: of ranking pairs by `response`, for a true rise above `BOUND`; falls_average_precision
      likewise downwards; spearman; slope: of the truth on the estimate, through 0; error: root mean square
    * coverage: share of intervals that hold the truth
    * precision, recall: of `responds` rises, for a true rise above `BOUND`; false_alarms: share flagged, up or down, of
      the pairs that truly do nothing (less than `NOTHING`)
    * rivals: average_precision and spearman of each other score, and how much higher that of `response` is, with the
      interval over redraws of targets
    """
    known = np.isfinite(table[["cace", "response"]].to_numpy(dtype=np.float64)).all(axis=1)
    kept = table[known]
    truth, estimate = kept["cace"].to_numpy(), kept["response"].to_numpy()
    responds = kept["responds"].to_numpy()
    rises, nothing = truth > BOUND, np.abs(truth) < NOTHING
    held = (kept["response_low"] <= truth) & (truth <= kept["response_high"])
    hits = rises & (responds == "rises")
    return {
        "pairs": int(known.sum()),
        "rises": int(rises.sum()),
        "average_precision": _precision(rises, estimate),
        "roc_auc": float(roc_auc_score(rises, estimate)) if 0 < rises.sum() < len(kept) else np.nan,
        "falls_average_precision": _precision(truth < -BOUND, -estimate),
        "spearman": _spearman(truth, estimate),
        "slope": float(truth @ estimate / (estimate @ estimate)) if len(kept) else np.nan,
        "error": float(np.sqrt(np.mean((truth - estimate) ** 2))) if len(kept) else np.nan,
        "coverage": float(held.mean()) if len(kept) else np.nan,
        "precision": _ratio(hits.sum(), (responds == "rises").sum()),
        "recall": _ratio(hits.sum(), rises.sum()),
        "false_alarms": _ratio((nothing & (responds != "")).sum(), nothing.sum()),
        "rivals": {
            name: _rival(kept["target"].to_numpy(), rises, truth, estimate, np.asarray(score, dtype=np.float64)[known])
            for name, score in rivals.items()
        },
    }


def icace_errors(estimate: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Mean error of effects in single radiographs [P, F, K] (ICaCE, Abraham et al. 2022), over all with a truth.

    l2: Euclidean distance of the two vectors over outputs; cosine: 1 - their cosine; norm: absolute difference of their
    lengths.
    """
    known = np.isfinite(truth).all(axis=2)
    if not known.any() or not truth.shape[2]:
        return {"l2": np.nan, "cosine": np.nan, "norm": np.nan}
    asked, true = estimate[known], truth[known]
    lengths, true_lengths = np.linalg.norm(asked, axis=1), np.linalg.norm(true, axis=1)
    product = np.maximum(lengths * true_lengths, 1e-12)
    return {
        "l2": float(np.linalg.norm(asked - true, axis=1).mean()),
        "cosine": float((1 - np.sum(asked * true, axis=1) / product).mean()),
        "norm": float(np.abs(lengths - true_lengths).mean()),
    }


def _rival(
    target: np.ndarray, rises: np.ndarray, truth: np.ndarray, estimate: np.ndarray, score: np.ndarray
) -> dict[str, float]:
    """A rival's numbers, and how far `estimate` is ahead of it."""
    ranked = _lowest_last(score)
    ahead = _redrawn_lead(target, rises, estimate, ranked) if len(target) else np.empty(0)
    low, high = np.quantile(ahead, [0.025, 0.975]) if len(ahead) else (np.nan, np.nan)
    return {
        "average_precision": _precision(rises, ranked),
        "spearman": _spearman(truth, ranked),
        "ahead_low": float(low),
        "ahead_high": float(high),
    }


def _redrawn_lead(target: np.ndarray, rises: np.ndarray, estimate: np.ndarray, rival: np.ndarray) -> np.ndarray:
    """How far the average precision of `estimate` is ahead in each redraw of targets that has a true rise."""
    names, codes = np.unique(target, return_inverse=True)
    drawn = np.random.default_rng(0).integers(0, len(names), (REDRAWS, len(names)))
    weights = np.array([np.bincount(row, minlength=len(names)) for row in drawn])[:, codes]
    weights = weights[weights @ rises > 0]
    return average_precisions(rises, estimate, weights) - average_precisions(rises, rival, weights)


def _lowest_last(score: np.ndarray) -> np.ndarray:
    """Scores in which what is not known ranks last."""
    finite = np.isfinite(score)
    return np.where(finite, np.nan_to_num(score), (score[finite].min() if finite.any() else 0.0) - 1.0)


def _precision(truth: np.ndarray, score: np.ndarray) -> float:
    return float(average_precision_score(truth, score)) if truth.any() else np.nan


def _spearman(truth: np.ndarray, score: np.ndarray) -> float:
    if len(truth) < 3 or not np.ptp(truth) or not np.ptp(score):
        return np.nan
    found: Any = stats.spearmanr(truth, score)
    return float(found.statistic)


def _ratio(part: int, whole: int) -> float:
    return float(part / whole) if whole else np.nan
