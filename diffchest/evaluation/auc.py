"""The AUC of every finding, and its means over findings, of a model on a test set (figure 2)."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from diffchest.evaluation.test_set import TestSet
from diffchest.findings.averaged import FINDING, INDICATOR, NORMAL, averaged
from diffchest.params.evaluation import BootstrapParams
from diffchest.progress import notice
from diffchest.stats.bootstrap import BootstrapResult, percentile_interval

AUC_COLUMNS = [
    *("model", "finding", "kind", "n", "positives", "finetune_n", "finetune_positives"),
    *("auc", "low", "high", "undefined_redraws", "drawn", "reason"),
]


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
    test: TestSet,
    scores: pd.DataFrame,
    *,
    model: str,
    drawn: Collection[str],
    params: BootstrapParams,
    fitted_on: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, dict]:
    """One row per label, and the model's summary metrics. `AUC_COLUMNS`; findings first, best first.

    fitted_on: of how many radiographs `model` learnt each finding, see `TestSet.listed`.
    A label that is not judged is listed with its counts and the reason, without an AUC: a point alone looks certain.
    On the images that are scored; the metrics say how many are not (`unscored_images`). All means and counts of the
    metrics are over findings: indicators and "nothing abnormal" are rows of the table alone.
    """
    images = len(test.labels)
    test = test.scored_by(scores)
    names = test.shared(scores)
    result = test.bootstrap(scores.loc[test.labels.index, names], params)
    measured = {"auc": result.auc, "low": result.low, "high": result.high, "undefined_redraws": result.undefined}
    table = test.listed(scores, model, fitted_on).merge(
        pd.DataFrame({"finding": names, **measured}).astype({"undefined_redraws": "Int64"}), "left", on="finding"
    )
    table = table.assign(model=model, drawn=table["finding"].isin(list(drawn)))
    averages = averaged(test.kinds(names))
    missing = int((table["kind"] == FINDING).sum()) - int(averages.sum())
    metrics = _macro("macro_auc", result, averages, params.confidence) | {"macro_auc_left_out": missing}
    is_drawn = np.isin(names, list(drawn))
    if len(drawn):
        shown = int(((table["kind"] == FINDING) & table["drawn"]).sum()) - int((averages & is_drawn).sum())
        metrics |= _macro("drawn_macro_auc", result, averages & is_drawn, params.confidence)
        metrics |= {"drawn_macro_auc_left_out": shown}
        metrics |= _macro("not_drawn_macro_auc", result, averages & ~is_drawn, params.confidence)
    metrics |= {
        "unscored_images": images - len(test.labels),
        "at_least_0.9": int((result.auc[averages] >= 0.9).sum()),
        "at_least_0.7": int((result.auc[averages] >= 0.7).sum()),
        "auc": dict(zip(names, result.auc, strict=True)),
    }
    return in_order(table)[AUC_COLUMNS], metrics


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `auc_table`: judged findings, best first, indicators, "nothing abnormal"; then those not judged."""
    rank = table["kind"].map({kind: place for place, kind in enumerate((FINDING, INDICATOR, NORMAL))})
    by = {"unjudged": table["auc"].isna(), "rank": rank}
    order = table.assign(**by).sort_values(
        ["unjudged", "rank", "auc", "positives", "finding"], ascending=[True, True, False, False, True]
    )
    return order.drop(columns=list(by))


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
