"""Fitting the moves: what the latents, the labels and the head say of the fine-tuning radiographs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import expit

from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.alone import fit_alone
from diffchest.counterfactuals.likeness import distance_quantiles
from diffchest.counterfactuals.regression import covariates
from diffchest.findings.cooccurrence import count_pairs
from diffchest.findings.disease_free import normal_finding
from diffchest.findings.hierarchy import generic

# two findings are hardly told apart where so large a share of at least so many with the one has the other as well
TOGETHER, TOGETHER_POSITIVES = 0.9, 10


def fit_moves(
    z: np.ndarray,
    labels: pd.DataFrame,
    rows: pd.DataFrame,
    head: Head,
    *,
    name: str,
    kinds: Mapping[str, Sequence[str]] | None = None,
) -> Moves:
    """The moves of all findings that the head was fitted for.

    z: unnormalised latents [N, d] of the fine-tuning radiographs; labels: theirs, NaN where not assessed, for which the
    head's probability stands in; rows: theirs of the manifest. All in the same order. name: what
    the radiographs are called; kinds: see `alone.fit_alone`. The label for "nothing abnormal" is not held: whatever is
    added removes it.
    """
    findings = head.fitted
    standard = ((z - head.mean) / head.sd).astype(np.float64)
    logits = head.logits(z)[:, head.rows(findings)].astype(np.float64)
    called = pd.DataFrame(expit(logits), columns=findings)
    known = labels.reindex(columns=findings).reset_index(drop=True)
    present = known.where(known.notna(), called)
    named = present.drop(columns=normal_finding(findings) or [])
    alone, share = fit_alone(standard, named, covariates(rows), findings, kinds)
    absent = 1.0 - present.mean().to_numpy()
    threshold = [np.quantile(logits[:, column], absent[column]) for column in range(len(findings))]
    return Moves(
        findings=findings,
        alone=alone,
        share=share,
        typical=typical_difference(standard, called.to_numpy()),
        centre=standard.mean(axis=0),
        covariance=np.atleast_2d(np.cov(standard, rowvar=False)),
        distance=distance_quantiles(standard),
        threshold=np.array(threshold),
        trained_on=[name, str(len(rows)), str(rows["patient_id"].nunique())],
        model_sha256=[head.model_sha256],
    )


def hardly_apart(labels: pd.DataFrame, kinds: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """A sentence for each pair of findings of which few radiographs tell what one adds without the other."""
    pairs = count_pairs(labels)
    close = pairs[(pairs["p_b_given_a"] >= TOGETHER) & (pairs["positives_a"] >= TOGETHER_POSITIVES)]
    return [
        f"{pair['positives_a'] - pair['both']} of {pair['positives_a']} radiographs with {pair['target']!r} lack "
        f"{pair['confounder']!r}: what the first adds alone rests on them; if it is a kind of the second, name it in "
        "explain.kinds"
        for pair in close.to_dict("records")
        if pair["confounder"] not in generic(pair["target"], kinds)
    ]


def typical_difference(z: np.ndarray, called: np.ndarray) -> np.ndarray:
    """How radiographs that the head calls each finding differ from the others: [F, d].

    z: standardised latents [N, d]; called: the head's probabilities [N, F]. The difference of two means: one weighted
    by the probability p, one by 1 - p. No label is used. It equals Cov(z, p) / (m (1 - m)), with m the mean of p: the
    activation pattern of the head's output (Haufe et al. 2014), in the unit "from not A to A".
    """
    others = 1.0 - called
    return (called.T @ z) / called.sum(axis=0)[:, None] - (others.T @ z) / others.sum(axis=0)[:, None]
