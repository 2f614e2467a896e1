"""Judging what goes with a finding: effects of moving towards it on the others, tested and ranked.

Columns of a table of pairs, one row per target A and other finding B, strongest first within A:

* effect, low, high: mean change of B's logit and its 95 % t interval over patients, in standard deviations of that
  logit among the fine-tuning radiographs
* mutual_effect: the mean of A's effect on B and B's on A; `effect` where B is not a target
* prevalence: the fraction of radiographs that would have B if each were moved as far towards A, see `_prevalence`;
  prevalence_rise, what pairs are ranked by, and prevalence_lift: difference from and ratio to that without a move
* probability, probability_rise: the head's mean probability of B in the moved pictures themselves, and how much that is
  above the reconstructions
* direct_effect: by how much the regression of B's logit on z changes with the move, nothing drawn, in the same unit
* random_effect: the mean over random moves; random_limit: the largest mean change, up or down, under any of them
* weight_correlation: cosine of the weights of the two logits on z
* p_value: of a paired one-sided t test over patients that B's logit rises more than under random moves; p_adjusted:
  Benjamini-Hochberg over all pairs
* appears: see `appears`

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

from diffchest.contracts.classified import Classified
from diffchest.contracts.responses import Responses
from diffchest.errors import DataError
from diffchest.params.audit import AuditRuleParams
from diffchest.stats import adjust

COLUMNS = [  # in the order of the table
    "effect", "low", "high", "random_effect", "random_limit", "p_value", "direct_effect", "weight_correlation",
    "mutual_effect", "prevalence", "prevalence_rise", "prevalence_lift", "probability", "probability_rise",
    "p_adjusted", "appears",
]  # fmt: skip


def audit(responses: Responses, classified: Classified, rule: AuditRuleParams) -> pd.DataFrame:
    """Effect of moving towards each target A on every other finding B, tested over patients.

    Returns target, confounder and the columns that the module says. Raises `DataError` for responses of other findings.
    """
    findings = classified.outputs
    own = _positions(responses.targets, findings)
    responses = responses.of(findings)
    logits = classified.logits_finetune.astype(np.float64)
    mean, spread = logits.mean(axis=0), classified.spread
    still = responses.logits_before
    change = (responses.logits_after - still[:, None]) / spread
    random = (responses.logits_random - still[:, None]) / spread
    mutual = _mutual(change.mean(axis=0), own)
    usual, prevalence = _prevalence(mean, spread), _prevalence(mean + mutual * spread, spread)
    unit = classified.weight / np.linalg.norm(classified.weight, axis=1, keepdims=True)
    blocks = []
    for row, target in enumerate(responses.targets):
        block = pd.DataFrame({"target": target, "confounder": list(findings)})
        block = block.assign(
            **_effects(change[:, row], random),
            direct_effect=(responses.direct[:, row] / spread).mean(axis=0),
            weight_correlation=unit @ unit[own[row]],
            mutual_effect=mutual[row],
            prevalence=prevalence[row],
            prevalence_rise=prevalence[row] - usual,
            prevalence_lift=prevalence[row] / usual,
            probability=expit(responses.logits_after[:, row]).mean(axis=0),
            probability_rise=(expit(responses.logits_after[:, row]) - expit(still)).mean(axis=0),
        )
        blocks.append(block.drop(index=own[row]).sort_values("prevalence_rise", ascending=False, kind="stable"))
    if not blocks:
        return pd.DataFrame(columns=["target", "confounder", *COLUMNS])
    table = pd.concat(blocks, ignore_index=True)
    table["p_adjusted"] = adjust(table["p_value"].to_numpy(), method="bh")
    return table.assign(appears=appears(table, rule))


def appears(table: pd.DataFrame, rule: AuditRuleParams) -> pd.Series:
    """Which findings B appear where a radiograph is moved towards A.

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
                f"the audit was drawn towards {target!r}, which is not among the {len(findings)} scored findings; "
                f"run `dvc repro {Responses.STAGE}`"
            )
    return [list(findings).index(target) for target in targets]


def _effects(change: np.ndarray, random: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of the table for one target: change [P, F] under its move, random [P, R, F] under random moves, in SD."""
    interval = stats.ttest_1samp(change, 0.0, axis=0).confidence_interval(0.95)
    p_value = _paired_greater(change, random.mean(axis=1))
    return {
        "effect": change.mean(axis=0),
        "low": interval.low,
        "high": interval.high,
        "random_effect": random.mean(axis=(0, 1)),
        "random_limit": np.abs(random.mean(axis=0)).max(axis=0),
        "p_value": np.nan_to_num(p_value, nan=1.0),  # NaN: no change in any patient
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
