"""The audit's pairs beside what the labels say of them, and other scores by which pairs could be ranked."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from diffchest.contracts.classified import Classified
from diffchest.findings.cooccurrence import PAIR, contradicted, go_together


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


def with_contradicted(table: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Add `contradicted_by_labels`: flagged, though `count_pairs` has the two together less often than by chance."""
    joined = table[[*PAIR, "flagged"]].merge(counts, on=PAIR, how="left", validate="one_to_one")
    return table.assign(contradicted_by_labels=joined["flagged"].to_numpy(dtype=bool) & contradicted(joined))


def with_planted(table: pd.DataFrame, planted: pd.DataFrame) -> pd.DataFrame:
    """Add `planted`: whether the pair is one of the planted pairs (target, confounder)."""
    pairs = pd.MultiIndex.from_frame(planted[PAIR])
    return table.assign(planted=pd.MultiIndex.from_frame(table[PAIR]).isin(pairs))


def rivals(
    table: pd.DataFrame, counts: pd.DataFrame, classified: Classified, labels: pd.DataFrame
) -> dict[str, np.ndarray]:
    """Other scores per row of `table`, by which a pair could be ranked.

    * cooccurrence, lift: P(B|A), and that over P(B), in the labels (`counts`)
    * weight_correlation: cosine of the weights of the two logits on z
    * difference: of the mean of A's logit with and without B in the labels, nothing held
    * moved_z: the regression of A's logit on z, of the move `alone` of B, nothing drawn
    * picture: B put in or taken out in pictures, which the classifier scores
    * appears: the rise of B's prevalence when a radiograph is moved towards A

    labels: of the radiographs whose scores are `classified.logits_finetune`.
    """
    joined = table[PAIR].merge(counts, on=PAIR, how="left", validate="one_to_one")
    present = (labels[sorted(set(table["confounder"]))] == 1).astype(np.float64)
    logits = classified.logits_finetune.astype(np.float64) / classified.spread
    with_b = (present.T @ logits).div(present.sum(), axis=0)
    without = ((1 - present).T @ logits).div((1 - present).sum(), axis=0)
    difference = (with_b - without).set_axis(classified.outputs, axis=1)
    return {
        "cooccurrence": joined["p_b_given_a"].to_numpy(),
        "lift": joined["lift"].to_numpy(),
        "weight_correlation": table["weight_correlation"].to_numpy(),
        "difference": difference.stack().reindex(pd.MultiIndex.from_frame(table[PAIR[::-1]])).to_numpy(),
        "moved_z": table["moved_z"].to_numpy(),
        "picture": table["picture"].to_numpy(),
        "appears": table["prevalence_rise"].to_numpy(),
    }
