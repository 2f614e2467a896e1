"""The AUC of every finding, and its means over findings, of a model on a test set (figure 2)."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from diffchest.evaluation.test_set import TestSet
from diffchest.findings.averaged import averaged
from diffchest.params.evaluation import BootstrapParams
from diffchest.progress import notice
from diffchest.stats.bootstrap import BootstrapResult, percentile_interval


def tell_unmatched(evaluated: Collection[str], scores: Mapping[str, pd.DataFrame]) -> None:
    """Say which of the evaluated findings a model (by name) has no scores for: its tables and comparisons lack them."""
    for model, frame in scores.items():
        missing = [finding for finding in evaluated if finding not in frame]
        if missing:
            notice(
                f"{model} has no scores for {len(missing)} of {len(evaluated)} evaluated findings, which are left out: "
                + ", ".join(missing)
            )


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
    diseased = averaged(findings)
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
    """Mean AUC over the chosen findings, their number, and the percentile interval of that mean over the same redraws.

    A mean of many AUCs is nearly normal however near 1 they are, so its redraws will do.
    """
    if not chosen.any():
        return {name: float("nan"), f"{name}_low": float("nan"), f"{name}_high": float("nan"), f"{name}_findings": 0}
    samples = result.samples[:, chosen].mean(axis=1, keepdims=True)  # NaN where a redraw left one finding undefined
    low, high = percentile_interval(samples, confidence)
    return {
        name: float(result.auc[chosen].mean()),
        f"{name}_low": low[0],
        f"{name}_high": high[0],
        f"{name}_findings": int(chosen.sum()),
        f"{name}_undefined_redraws": int(np.isnan(samples).sum()),
    }
