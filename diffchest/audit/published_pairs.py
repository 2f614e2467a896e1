"""The paper's readers beside the physicians' labels: how often a named confounder goes with a diagnosis."""

import numpy as np
import pandas as pd

from diffchest.evaluation.published import load_published
from diffchest.findings.cooccurrence import count_pairs
from diffchest.params.evaluation import BootstrapParams
from diffchest.stats import bootstrap_ratio

# the rows of the printed tables whose confounder is known to us by its PadChest name
NAMED = (
    ("table_1", "artificial heart valve", "sternotomy"),
    ("table_1", "pneumothorax", "chest drain tube"),
)
COLUMNS = [
    *("published_table", "diagnosis", "confounder", "radiographs_read", "confounder_present", "ratio_percent"),
    *("radiographs_labelled", "diagnosis_labelled", "both_labelled", "p_b_given_a", "low", "high", "lift"),
]


def label_witness(labels: pd.DataFrame, patients: np.ndarray, bootstrap: BootstrapParams) -> pd.DataFrame:
    """One row (`COLUMNS`) per pair of `NAMED` whose two names are both columns of `labels`.

    labels [N, findings]: 1, 0, NaN, of all radiographs that physicians labelled (PadChest as distributed: 26,432
    frontal ones, which the split sends to fine-tuning and test); patients [N].

    * radiographs_read, confounder_present, ratio_percent: as printed, of three readers
    * diagnosis_labelled, both_labelled, p_b_given_a, lift: counted in the labels; low, high: percentile interval of
      P(B|A) over redraws as `bootstrap` says
    """
    rows = []
    for name, diagnosis, confounder in NAMED:
        if diagnosis not in labels or confounder not in labels:
            continue
        printed = load_published(name).set_index("diagnosis").loc[diagnosis]
        counts = count_pairs(labels[[diagnosis, confounder]]).iloc[0]
        a = labels[diagnosis].eq(1) & labels[confounder].notna()
        ratio = bootstrap_ratio(
            (a & labels[confounder].eq(1)).to_numpy(dtype=np.float64)[:, None],
            a.to_numpy(dtype=np.float64)[:, None],
            **bootstrap.redraws(patients),
        )
        read = printed[["radiographs", "confounder_present", "ratio_percent"]]
        counted = counts[["positives_a", "both", "p_b_given_a"]]
        rows.append(
            (name, diagnosis, confounder, *read, len(labels), *counted, ratio.low[0], ratio.high[0], counts["lift"])
        )
    table = pd.DataFrame(rows, columns=COLUMNS)
    whole = ["radiographs_read", "confounder_present"]
    return table.astype(dict.fromkeys(whole, int))
