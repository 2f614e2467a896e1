"""The paired permutation test of two classifiers' AUCs."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from diffchest.stats.auc import Floats, as_columns, check_resampling, group_codes, wins

BLOCK = 1000  # permutations at a time


@dataclass(frozen=True, eq=False)
class PermutationResult:
    """`difference` = AUC of a - AUC of b and two-sided `p_value`, each [findings]."""

    difference: Floats
    p_value: Floats


def permutation_test(
    y: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    resamples: int = 10000,
    scores: Literal["rank", "raw"] = "rank",
    seed: int,
) -> PermutationResult:
    """Test whether two classifiers, scored on the same radiographs, have the same AUC.

    The null hypothesis: within each group (patient), which score came from which classifier is exchangeable. A
    permutation swaps the two scores of all rows of a random half of the groups. `scores="rank"` swaps mid-ranks, so
    that classifiers on different scales can be compared; `"raw"` swaps the scores as they are (the paper), which is
    conservative there. p = (1 + #{|D_i| >= |D|}) / (1 + resamples): never 0, since the observed labelling is one of
    the permutations. NaN where a class is missing. Raises `ValueError` for fewer than two groups and for NaN or
    infinite scores.

    y, score_a, score_b: [n] or [n, findings], rows with label NaN left out; groups [n].
    """
    check_resampling(resamples)
    if scores not in ("rank", "raw"):
        raise ValueError(f"scores must be 'rank' or 'raw', found {scores!r}")
    labels, a, b = as_columns(y, score_a, score_b)
    codes, number = group_codes(groups, len(labels))
    contributions = np.zeros((number, labels.shape[1]))
    pairs = np.full(labels.shape[1], np.nan)
    for f in range(labels.shape[1]):
        known = ~np.isnan(labels[:, f])
        positive = labels[known, f] == 1
        if positive.any() and not positive.all():
            x, z = a[known, f], b[known, f]
            if scores == "rank":
                x, z = rankdata(x), rankdata(z)
            np.add.at(contributions[:, f], codes[known], swap_contributions(positive, x, z))
            pairs[f] = positive.sum() * (~positive).sum()
    observed = contributions.sum(axis=0)
    reached = np.zeros(labels.shape[1])
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, BLOCK):
        signs = rng.integers(0, 2, size=(min(BLOCK, resamples - start), number), dtype=np.int8) * 2.0 - 1.0
        reached += (np.abs(signs @ contributions) >= np.abs(observed)).sum(axis=0)
    p_value = np.where(np.isnan(pairs), np.nan, (1.0 + reached) / (1.0 + resamples))
    return PermutationResult(difference=observed / 4.0 / pairs, p_value=p_value)


def swap_contributions(positive: NDArray[np.bool_], a: Floats, b: Floats) -> Floats:
    """Each row's part [n] in the AUC difference of `a` and `b`, times 4 (so whole numbers) and the number of pairs.

    Swapping rows changes the difference linearly. For a positive i and a negative j with kernel h, no swap gives
    d1 = h(a_i, a_j) - h(b_i, b_j), swapping i alone d2 = h(b_i, a_j) - h(a_i, b_j), swapping j alone -d2, both -d1.
    With signs s (+1: not swapped) that is s_i (d1 - d2)/2 + s_j (d1 + d2)/2: the products cancel.
    """
    parts = np.empty(len(a))
    ap, an, bp, bn = a[positive], a[~positive], b[positive], b[~positive]
    parts[positive] = wins(ap, an) - wins(bp, bn) - wins(bp, an) + wins(ap, bn)
    # a negative is beaten by those positives it does not win against
    parts[~positive] = -wins(an, ap) + wins(bn, bp) - wins(an, bp) + wins(bn, ap)
    return 2.0 * parts
