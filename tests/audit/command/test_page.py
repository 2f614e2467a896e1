"""The page's summary of the gates."""

import numpy as np
import pandas as pd

from diffchest.audit.command.page import gate_summary


def test_what_labels_cannot_tell_is_no_failure():
    rows = [
        ("a", "auc_originals", 0.9, True), ("b", "auc_originals", np.nan, False), ("c", "auc_originals", 0.5, False),
        ("(all)", "auc_originals", 0.8, True), ("(all)", "polarity", -0.3, True),
    ]  # fmt: skip
    gates = pd.DataFrame(rows, columns=["output", "gate", "value", "passed"])
    auc, polarity = gate_summary(gates, unchecked=["b"])
    assert auc == {"gate": "auc_originals", "passed": 1, "failed": 1, "untold": 1, "low": 0.5, "high": 0.9}
    assert (polarity["passed"], polarity["low"]) == (1, -0.3)
