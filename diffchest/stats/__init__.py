"""Statistics of classifiers and readers: NumPy in, NumPy out, usable without the rest of the package."""

from diffchest.stats.agreement import fleiss_kappa, gwet_ac1, krippendorff_alpha, pairwise_agreement
from diffchest.stats.auc import roc_auc
from diffchest.stats.bootstrap import bootstrap_auc
from diffchest.stats.delong import delong_test
from diffchest.stats.multiplicity import adjust
from diffchest.stats.permutation import permutation_test
from diffchest.stats.ratio import bootstrap_ratio

__all__ = [
    "adjust",
    "bootstrap_auc",
    "bootstrap_ratio",
    "delong_test",
    "fleiss_kappa",
    "gwet_ac1",
    "krippendorff_alpha",
    "pairwise_agreement",
    "permutation_test",
    "roc_auc",
]
