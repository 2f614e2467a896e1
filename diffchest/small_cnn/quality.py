"""How well it tells each finding, on radiographs of other patients."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from diffchest.findings.averaged import averaged, mean_over_findings
from diffchest.stats.auc import roc_auc


def auc_by_finding(labels: pd.DataFrame, logits: pd.DataFrame) -> pd.Series:
    """The AUC of every finding that both have, by name, in the order of `labels`: 1, 0, NaN (row left out).

    NaN where a class is missing. Rows belong together by index.
    """
    shared = [name for name in labels.columns if name in logits]
    values = roc_auc(labels[shared].to_numpy(dtype=np.float64), logits.loc[labels.index, shared].to_numpy())
    return pd.Series(values, index=shared, dtype=float)


def auc_metrics(auc: pd.Series, kinds: Sequence[str], *, drawn: Collection[str]) -> dict[str, Any]:
    """Means over the labels whose kind (`findings.averaged`) is finding; over the `drawn` ones and the others apart."""
    mean, number = mean_over_findings(kinds, auc)
    metrics: dict[str, Any] = {"findings": len(auc), "macro_auc": mean, "macro_auc_findings": number}
    shown = auc.index.isin(list(drawn))
    if (shown & averaged(kinds)).any():
        for name, chosen in (("drawn", shown), ("not_drawn", ~shown)):
            metrics[f"{name}_macro_auc"] = mean_over_findings(kinds, auc.where(chosen))[0]
    return metrics | {"auc": auc.to_dict()}
