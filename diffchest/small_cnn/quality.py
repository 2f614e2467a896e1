"""How well it tells each finding, on radiographs of other patients."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from diffchest.findings.disease_free import normal_finding
from diffchest.stats.auc import roc_auc


def auc_by_finding(labels: pd.DataFrame, logits: pd.DataFrame) -> pd.Series:
    """The AUC of every finding that both have, by name, in the order of `labels`: 1, 0, NaN (row left out).

    NaN where a class is missing. Rows belong together by index.
    """
    shared = [name for name in labels.columns if name in logits]
    values = roc_auc(labels[shared].to_numpy(dtype=np.float64), logits.loc[labels.index, shared].to_numpy())
    return pd.Series(values, index=shared, dtype=float)


def auc_metrics(auc: pd.Series, *, drawn: Collection[str]) -> dict[str, Any]:
    """Means over findings, without the label for "nothing abnormal"; over the `drawn` ones and the others apart."""
    diseased = auc.drop(labels=[name for name in [normal_finding(list(auc.index))] if name])
    shown = diseased.index.isin(list(drawn))
    metrics: dict[str, Any] = {"findings": len(auc), "macro_auc": diseased.mean()}
    if shown.any():
        metrics |= {"drawn_macro_auc": diseased[shown].mean(), "not_drawn_macro_auc": diseased[~shown].mean()}
    return metrics | {"auc": auc.to_dict()}
