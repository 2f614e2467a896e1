"""How good the confounder audit is: its pairs against the labels and, on phantoms, against the planted truth."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from diffchest.findings.cooccurrence import PAIR, go_together


def with_witness(
    table: pd.DataFrame, counts: pd.DataFrame, *, kinds: Mapping[str, str], lift: float, cooccurrence: float
) -> pd.DataFrame:
    """Add what the labels say about each pair of the audit.

    counts: target, confounder, p_b_given_a, lift of the pretraining and fine-tuning radiographs; kinds: treatment or
    physiology by finding, "" where unknown. `agrees_with_labels`: see `go_together`.
    """
    joined = table.merge(counts[[*PAIR, "p_b_given_a", "lift"]], on=PAIR, how="left", validate="one_to_one")
    joined.insert(2, "kind", joined["confounder"].map(kinds).fillna(""))
    return joined.assign(agrees_with_labels=go_together(joined, lift=lift, cooccurrence=cooccurrence))


def with_planted(table: pd.DataFrame, planted: pd.DataFrame) -> pd.DataFrame:
    """Add `planted`: whether the pair is one of the planted pairs (target, confounder)."""
    pairs = pd.MultiIndex.from_frame(planted[PAIR])
    return table.assign(planted=pd.MultiIndex.from_frame(table[PAIR]).isin(pairs))


def rivals(table: pd.DataFrame, counts: pd.DataFrame) -> dict[str, np.ndarray]:
    """Scores per row of `table` that need no picture: P(B|A) and lift of `counts`, and the heads' correlation."""
    joined = table[PAIR].merge(counts, on=PAIR, how="left", validate="one_to_one")
    return {
        "cooccurrence": joined["p_b_given_a"].to_numpy(),
        "lift": joined["lift"].to_numpy(),
        "head_correlation": table["head_correlation"].to_numpy(),
    }


def audit_metrics(table: pd.DataFrame, rivals: Mapping[str, np.ndarray], *, drawn: set[str]) -> dict:
    """Precision, recall and average precision of the audit among the pairs of drawn findings, where truth is known.

    table: one row per pair with `prevalence_rise` (the ranking), `flagged` and `planted`; rivals: other scores of the
    same rows, by name. Precision and recall of a rival are those of its best pairs, as many as the audit flags. Without
    a planted pair all are NaN.
    """
    known = (table["target"].isin(drawn) & table["confounder"].isin(drawn)).to_numpy()
    truth = table["planted"].to_numpy(dtype=bool)[known]
    flagged = table["flagged"].to_numpy(dtype=bool)[known]
    return {
        "pairs": len(table),
        "flagged": int(table["flagged"].sum()),
        "drawn_pairs": int(known.sum()),
        "drawn_flagged": int(flagged.sum()),
        "planted": int(truth.sum()),
        **_scores(truth, flagged, table["prevalence_rise"].to_numpy()[known]),
        "rivals": {
            name: _scores(truth, _best(score[known], int(flagged.sum())), score[known])
            for name, score in rivals.items()
        },
    }


def _scores(truth: np.ndarray, flagged: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """Precision and recall of a selection, average precision of a ranking (NaN scores rank last)."""
    if not truth.any():
        return {"precision": np.nan, "recall": np.nan, "average_precision": np.nan}
    hits = (truth & flagged).sum()
    ranked = np.nan_to_num(score, nan=-np.inf)
    finite = np.where(np.isfinite(ranked), ranked, ranked[np.isfinite(ranked)].min(initial=0.0) - 1.0)
    return {
        "precision": float(hits / flagged.sum()) if flagged.any() else np.nan,
        "recall": float(hits / truth.sum()),
        "average_precision": float(average_precision_score(truth, finite)),
    }


def _best(score: np.ndarray, number: int) -> np.ndarray:
    """The `number` highest scores as a bool mask; ties go to the earlier row."""
    chosen = np.zeros(len(score), dtype=bool)
    chosen[np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable")[:number]] = True
    return chosen
