"""How findings occur together in the labels: the witness of the confounder audit, and the planted truth of phantoms."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

PAIR = ["target", "confounder"]
SURE = 0.05  # one-sided p from which on labels contradict a pair


def count_pairs(labels: pd.DataFrame) -> pd.DataFrame:
    """P(B|A) and lift of every ordered pair of findings.

    labels: one column per finding, 1, 0 or NaN (not assessed; such rows are left out of that pair). Returns one row per
    pair A != B: target (A), confounder (B), assessed (rows in which both are), positives_a (A among them), both,
    p_b_given_a, p_b, lift = P(B|A) / P(B); ratios are NaN where their denominator is 0.
    """
    values = labels.to_numpy(dtype=np.float64)
    known = (~np.isnan(values)).astype(np.float64)
    positive = (values == 1).astype(np.float64)
    assessed, positives_a, both = known.T @ known, positive.T @ known, positive.T @ positive
    with np.errstate(invalid="ignore", divide="ignore"):
        p_b_given_a = both / positives_a
        p_b = (known.T @ positive) / assessed
        lift = p_b_given_a / p_b
    names = labels.columns.to_numpy()
    a, b = np.nonzero(~np.eye(len(names), dtype=bool))
    return pd.DataFrame(
        {
            "target": names[a],
            "confounder": names[b],
            "assessed": assessed[a, b].astype(int),
            "positives_a": positives_a[a, b].astype(int),
            "both": both[a, b].astype(int),
            "p_b_given_a": p_b_given_a[a, b],
            "p_b": p_b[a, b],
            "lift": lift[a, b],
        }
    )


def go_together(counts: pd.DataFrame, *, lift: float, cooccurrence: float) -> pd.Series:
    """Which pairs, rows with lift and p_b_given_a, the labels say belong together: both reach their bound."""
    return (counts["lift"] >= lift) & (counts["p_b_given_a"] >= cooccurrence)


def contradicted(counts: pd.DataFrame) -> np.ndarray:
    """Which pairs, rows of `count_pairs`, the labels have together less often than by chance, beyond doubt: bool.

    One-sided exact test of Fisher, each radiograph by itself, p <= `SURE`: a lift of 0 of a handful says nothing.
    """
    positives_b = counts["p_b"] * counts["assessed"]
    p_value = hypergeom.cdf(counts["both"], counts["assessed"], positives_b.round(), counts["positives_a"])
    return np.asarray(p_value) <= SURE  # NaN: nobody was assessed


def planted_pairs(labels: pd.DataFrame, drawn: Collection[str], *, lift: float, cooccurrence: float) -> pd.DataFrame:
    """Pairs of drawn findings that occur together often enough for a classifier to learn one for the other.

    Returns target, confounder, p_b_given_a, lift of the pairs among `drawn` that `go_together`.
    """
    counts = count_pairs(labels[[name for name in labels.columns if name in drawn]])
    chosen = go_together(counts, lift=lift, cooccurrence=cooccurrence)
    return counts.loc[chosen, [*PAIR, "p_b_given_a", "lift"]].reset_index(drop=True)
