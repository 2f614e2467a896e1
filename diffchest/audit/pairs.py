"""Judging the confounder audit: effects of moving towards a finding on the others, tested, ranked and flagged.

Columns of a table of pairs, one row per target A and other finding B, strongest first within A:

* effect, low, high: mean change of B's logit and its 95 % t interval over patients, in standard deviations of that
  logit among the fine-tuning radiographs
* mutual_effect: the mean of A's effect on B and B's on A; `effect` where B is not a target
* prevalence: the fraction of radiographs that would have B if each were moved as far towards A, see `_prevalence`;
  prevalence_rise, what pairs are ranked by, and prevalence_lift: difference from and ratio to that without a move
* probability, probability_rise: the head's mean probability of B in the moved pictures themselves, and how much that is
  above the reconstructions
* direct_effect: what A's own change implies through the angle of the two weight vectors alone,
  (change of A) (w_A . w_B) / |w_A|^2; `excess` = effect - direct_effect is what only the picture shows
* random_effect: the mean over random moves; random_limit: the largest mean change, up or down, under any of them
* head_correlation: cosine of the two weight vectors
* p_value: the larger p of two paired one-sided t tests over patients: that B's logit rises more than under random
  moves, and that its excess does; p_adjusted: Benjamini-Hochberg over all pairs
* flagged: see `flagged`

Why the ranking is not `probability_rise`: it asks whether B appears in one disease-free radiograph. A finding that the
head separates widely (pleural effusion: logits of -8 or +2) may be twice as frequent with A, and its mean logit still
moves too little to show in any one picture; one that the head separates badly shows at once. Why mutual: to occur
together has no direction, while what a picture adds to an effect by chance, such as a line that the encoder takes for
another, it seldom adds both ways.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from diffchest.contracts.head import Head
from diffchest.contracts.responses import Responses
from diffchest.errors import DataError
from diffchest.params.audit import AuditRuleParams
from diffchest.stats import adjust


def audit(
    responses: Responses, head: Head, findings: Sequence[str], finetune: np.ndarray, rule: AuditRuleParams
) -> pd.DataFrame:
    """Effect of moving towards each target A on every other of `findings` B, tested over patients and flagged.

    finetune: latents of the fine-tuning radiographs, unnormalised [N, d]. Returns target, confounder and the columns
    that the module says. Raises `DataError` for responses of other findings.
    """
    own = _positions(responses.targets, findings)
    responses, rows = responses.of(findings), head.rows(findings)
    logits = head.logits(finetune)[:, rows].astype(np.float64)
    mean, spread = logits.mean(axis=0), logits.std(axis=0)
    weight = head.weight[rows].astype(np.float64)
    still = responses.logits_before
    change = (responses.logits_after - still[:, None]) / spread
    random = (responses.logits_random - still[:, None]) / spread
    mutual = _mutual(change.mean(axis=0), own)
    usual, prevalence = _prevalence(mean, spread), _prevalence(mean + mutual * spread, spread)
    blocks = []
    for row, target in enumerate(responses.targets):
        block = pd.DataFrame({"target": target, "confounder": list(findings)})
        block = block.assign(
            **_effects(change[:, row], random, own=own[row], weight=weight, spread=spread),
            mutual_effect=mutual[row],
            prevalence=prevalence[row],
            prevalence_rise=prevalence[row] - usual,
            prevalence_lift=prevalence[row] / usual,
            probability=expit(responses.logits_after[:, row]).mean(axis=0),
            probability_rise=(expit(responses.logits_after[:, row]) - expit(still)).mean(axis=0),
        )
        blocks.append(block.drop(index=own[row]).sort_values("prevalence_rise", ascending=False, kind="stable"))
    table = pd.concat(blocks, ignore_index=True)
    table["p_adjusted"] = adjust(table["p_value"].to_numpy(), method="bh")
    return table.assign(flagged=flagged(table, rule))


def flagged(table: pd.DataFrame, rule: AuditRuleParams) -> pd.Series:
    """The audit's flag rule: which pairs are called confounders.

    B rises beyond chance (p_adjusted <= `false_discovery_rate`) and more than under any random move, and the fraction
    of radiographs with B that this implies is at least `flagged.prevalence`, and at least `flagged.lift` times what it
    is without a move.
    """
    return (
        (table["p_adjusted"] <= rule.false_discovery_rate)
        & (table["effect"] > table["random_limit"])
        & (table["prevalence"] >= rule.flagged.prevalence)
        & (table["prevalence_lift"] >= rule.flagged.lift)
    )


def _positions(targets: Sequence[str], findings: Sequence[str]) -> list[int]:
    for target in targets:
        if target not in findings:
            raise DataError(
                f"the audit was drawn towards {target!r}, which is not among the {len(findings)} evaluated findings; "
                f"run `dvc repro {Responses.STAGE}`"
            )
    return [list(findings).index(target) for target in targets]


def _effects(
    change: np.ndarray, random: np.ndarray, *, own: int, weight: np.ndarray, spread: np.ndarray
) -> dict[str, np.ndarray]:
    """Columns of the table for one target, finding number `own`.

    change [P, F] under its move and random [P, R, F] under random moves, in standard deviations `spread` [F] of each
    finding's logit; weight [F, d] of the findings.
    """
    overlap = weight @ weight[own]
    per_own = overlap / overlap[own] * spread[own] / spread  # of B through the weights alone, for a change of A by 1 SD
    chance = random.mean(axis=1)
    excess, excess_chance = change - change[:, [own]] * per_own, chance - chance[:, [own]] * per_own
    p_values = [
        np.nan_to_num(_paired_greater(observed, by_chance), nan=1.0)  # NaN: no change in any patient
        for observed, by_chance in ((change, chance), (excess, excess_chance))
    ]
    interval = stats.ttest_1samp(change, 0.0, axis=0).confidence_interval(0.95)
    effect = change.mean(axis=0)
    return {
        "effect": effect,
        "low": interval.low,
        "high": interval.high,
        "direct_effect": effect[own] * per_own,
        "excess": excess.mean(axis=0),
        "random_effect": random.mean(axis=(0, 1)),
        "random_limit": np.abs(random.mean(axis=0)).max(axis=0),
        "head_correlation": overlap / np.sqrt(overlap[own] * np.square(weight).sum(axis=1)),
        "p_value": np.maximum(*p_values),
    }


def _paired_greater(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One-sided p [F] of a paired t test over patients that `first` [P, F] is above `second`."""
    test: Any = stats.ttest_rel(first, second, axis=0, alternative="greater")
    return test.pvalue


def _mutual(effect: np.ndarray, own: list[int]) -> np.ndarray:
    """Mean of both directions of the effects [T, F] of T targets, findings number `own`; others stay as they are."""
    mutual = effect.copy()
    mutual[:, own] = (effect[:, own] + effect[:, own].T) / 2
    return mutual


def _prevalence(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Mean probability of findings whose logits are normal with that mean and standard deviation among radiographs.

    The average of the logistic function over a normal, by the approximation of Zeger, Liang and Albert (1988).
    """
    attenuation = 16 * np.sqrt(3) / (15 * np.pi)
    return expit(mean / np.sqrt(1 + (attenuation * spread) ** 2))
