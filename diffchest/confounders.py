"""The confounder audit: which other findings appear in a radiograph that is moved towards a finding.

A disease-free radiograph is moved towards target A and decoded; the *picture* is encoded again, and the change of every
other finding's logit, against the re-encoded reconstruction, says what the classifier associates with A.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from diffchest import counterfactual
from diffchest.disease_free import normal_finding
from diffchest.errors import DataError
from diffchest.head import Head
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params import ConfoundersParams, SolverName
from diffchest.processes import ALONE, Processes
from diffchest.stats import adjust


@dataclass(frozen=True)
class Responses:
    """Logits of F findings in pictures that were decoded and encoded again.

    reconstruction [P, F]: nothing moved; moved [P, T, F]: moved towards each target; random [P, R, F]: moved as far in
    each of R random directions. `targets` [T] and `findings` [F] are names, the targets among the findings.
    """

    targets: list[str]
    findings: list[str]
    reconstruction: np.ndarray
    moved: np.ndarray
    random: np.ndarray


def respond(
    model: DiffusionAutoencoder,
    head: Head,
    pixels: np.ndarray,
    *,
    targets: Sequence[str],
    findings: Sequence[str],
    finetune: np.ndarray,
    solver: SolverName,
    settings: ConfoundersParams,
    runs: Path,
    processes: Processes = ALONE,
) -> tuple[Responses, np.ndarray, np.ndarray] | None:
    """Move radiographs (uint8 [P, H, W]) towards every target and in random directions, decode and encode again.

    finetune: latents of the fine-tuning radiographs, unnormalised [N, d]; runs, processes: see `counterfactual.draw`.
    Returns the logits, the reconstructions [P, H, W] and the pictures moved towards each target [P, T, H, W], both
    uint8; None in all processes but the first.
    """
    z = counterfactual.encode_latents(model, pixels)  # of all in every process: random moves have their mean length
    covariance = counterfactual.latent_covariance(finetune, head)
    if settings.edit == "typical":
        geometry = "plausible"  # the latents' own: Mahalanobis
        towards = settings.step * typical_difference(finetune, head, targets)[None]
    else:
        geometry = settings.edit
        towards = settings.step * counterfactual.edit_moves(z, head, targets, edit=geometry, covariance=covariance)
    elsewhere = counterfactual.random_moves(
        settings.random_directions,
        length=_mean_length(towards, covariance if geometry == "plausible" else np.eye(len(covariance))),
        edit=geometry,
        covariance=covariance,
        seed=settings.seed,
    )
    moved = [counterfactual.move_latents(z, head, moves) for moves in (towards, elsewhere[None])]
    drawn = counterfactual.draw(
        model,
        pixels,
        np.concatenate([z[:, None], *moved], axis=1),
        solver=solver,
        encode_steps=settings.encode_steps,
        decode_steps=settings.decode_steps,
        content=[vars(head), list(targets), finetune, settings.model_dump()],
        runs=runs,
        processes=processes,
    )
    if drawn is None:
        return None
    pictures = drawn["pictures"]
    rows = counterfactual.target_rows(head, findings)
    logits = head.logits(drawn["z"].reshape(-1, z.shape[1]))[:, rows].reshape(*pictures.shape[:2], len(rows))
    stop = 1 + len(targets)
    responses = Responses(list(targets), list(findings), logits[:, 0], logits[:, 1:stop], logits[:, stop:])
    return responses, pictures[:, 0], pictures[:, 1:stop]


def typical_difference(finetune: np.ndarray, head: Head, targets: Sequence[str]) -> np.ndarray:
    """How radiographs that the head calls each target differ from the others, in the head's standardised space: [T, d].

    The difference of two means over the fine-tuning latents (unnormalised [N, d]): one weighted by the head's
    probability p of the target, one by 1 - p. No label is used. It equals Cov(z, p) / (m (1 - m)), with m the mean of
    p: the activation pattern of the head's output (Haufe et al. 2014), in the unit "from not A to A".
    """
    rows = counterfactual.target_rows(head, targets)
    z = ((finetune - head.mean) / head.sd).astype(np.float64)
    called = expit(head.logits(finetune)[:, rows].astype(np.float64))
    others = 1.0 - called
    return (called.T @ z) / called.sum(axis=0)[:, None] - (others.T @ z) / others.sum(axis=0)[:, None]


def _mean_length(moves: np.ndarray, covariance: np.ndarray) -> float:
    """Mean Mahalanobis length of moves [1 or P, T, d]."""
    precision = np.linalg.pinv(covariance, hermitian=True)
    return float(np.sqrt(np.einsum("ptd,de,pte->pt", moves, precision, moves)).mean())


def audit(responses: Responses, head: Head, finetune: np.ndarray, settings: ConfoundersParams) -> pd.DataFrame:
    """Effect of moving towards each target A on every other finding B, tested over patients.

    finetune: latents of the fine-tuning radiographs, unnormalised [N, d]. One row per pair, strongest first within A:

    * effect, low, high: mean change of B's logit and its 95 % t interval over patients, in standard deviations of that
      logit among the fine-tuning radiographs
    * mutual_effect: the mean of A's effect on B and B's on A; `effect` where B is not a target
    * prevalence: the fraction of radiographs that would have B if each were moved as far towards A, see `_prevalence`;
      prevalence_rise, what pairs are ranked by, and prevalence_lift: difference from and ratio to that without a move
    * probability, probability_rise: the head's mean probability of B in the moved pictures themselves, and how much
      that is above the reconstructions
    * direct_effect: what A's own change implies through the angle of the two weight vectors alone,
      (change of A) (w_A . w_B) / |w_A|^2; `excess` = effect - direct_effect is what only the picture shows
    * random_effect: the mean over random moves; random_limit: the largest mean change, up or down, under any of them
    * head_correlation: cosine of the two weight vectors
    * p_value: the larger p of two paired one-sided t tests over patients: that B's logit rises more than under random
      moves, and that its excess does; p_adjusted: Benjamini-Hochberg over all pairs
    * flagged: p_adjusted <= `false_discovery_rate`, effect > random_limit, and `prevalence` is at least
      `flagged.prevalence`, and at least `flagged.lift` times what it is without a move

    Why the ranking is not `probability_rise`: it asks whether B appears in one disease-free radiograph. A finding that
    the head separates widely (pleural effusion: logits of -8 or +2) may be twice as frequent with A, and its mean logit
    still moves too little to show in any one picture; one that the head separates badly shows at once. Why mutual: to
    occur together has no direction, while what a picture adds to an effect by chance, such as a line that the encoder
    takes for another, it seldom adds both ways.
    """
    rows = counterfactual.target_rows(head, responses.findings)
    logits = head.logits(finetune)[:, rows].astype(np.float64)
    mean, spread = logits.mean(axis=0), logits.std(axis=0)
    weight = head.weight[rows].astype(np.float64)
    still = responses.reconstruction
    change = (responses.moved - still[:, None]) / spread
    random = (responses.random - still[:, None]) / spread
    mutual = _mutual(change.mean(axis=0), [responses.findings.index(target) for target in responses.targets])
    usual, prevalence = _prevalence(mean, spread), _prevalence(mean + mutual * spread, spread)
    blocks = []
    for row, target in enumerate(responses.targets):
        own = responses.findings.index(target)
        block = pd.DataFrame({"target": target, "confounder": responses.findings})
        block = block.assign(
            **_effects(change[:, row], random, own=own, weight=weight, spread=spread),
            mutual_effect=mutual[row],
            prevalence=prevalence[row],
            prevalence_rise=prevalence[row] - usual,
            prevalence_lift=prevalence[row] / usual,
            probability=expit(responses.moved[:, row]).mean(axis=0),
            probability_rise=(expit(responses.moved[:, row]) - expit(still)).mean(axis=0),
        )
        blocks.append(block.drop(index=own).sort_values("prevalence_rise", ascending=False, kind="stable"))
    table = pd.concat(blocks, ignore_index=True)
    table["p_adjusted"] = adjust(table["p_value"].to_numpy(), method="bh")
    table["flagged"] = (
        (table["p_adjusted"] <= settings.false_discovery_rate)
        & (table["effect"] > table["random_limit"])
        & (table["prevalence"] >= settings.flagged.prevalence)
        & (table["prevalence_lift"] >= settings.flagged.lift)
    )
    return table


def _effects(
    change: np.ndarray, random: np.ndarray, *, own: int, weight: np.ndarray, spread: np.ndarray
) -> dict[str, np.ndarray]:
    """Columns of `audit` for one target, finding number `own`.

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


def evaluated_findings(labels: pd.DataFrame, head: Head, *, positives_above: int) -> list[str]:
    """Findings with more than `positives_above` positive rows in `labels` that the head was fitted for.

    The label for "nothing abnormal" is left out: whatever appears removes it. Raises `DataError` when none is left.
    """
    fitted = {name for name, row in zip(head.findings, head.weight, strict=True) if np.isfinite(row).all()}
    positives = (labels == 1).sum()
    normal = normal_finding(list(labels.columns))
    findings = [
        str(finding)
        for finding in labels.columns
        if positives[finding] > positives_above and finding in fitted and finding != normal
    ]
    if not findings:
        raise DataError(
            f"no finding has more than {positives_above} positives among the {len(labels)} test radiographs and a "
            "fitted head; lower evaluation.positives_above"
        )
    return findings


def effect_matrix(table: pd.DataFrame) -> pd.DataFrame:
    """The effects alone, as a long matrix sorted by name: target, finding, effect."""
    matrix = table[["target", "confounder", "effect"]].rename(columns={"confounder": "finding"})
    return matrix.sort_values(["target", "finding"], ignore_index=True)


def save_examples(
    path: Path, image_ids: list[str], responses: Responses, reconstruction: np.ndarray, moved: np.ndarray
) -> None:
    """Write the first pictures of the audit, with what the head says of them, for its figure.

    image_id [K], targets [T], findings [F]; uint8 pictures reconstruction and counterfactual [T, K, H, W]; the head's
    probabilities before [K, F] of the reconstructions and after [T, K, F] of the counterfactuals. reconstruction
    [P, H, W] and moved [P, T, H, W] as `respond` returns them; the K `image_ids` are their first.
    """
    kept = len(image_ids)
    counterfactual = np.swapaxes(moved[:kept], 0, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        image_id=np.array(image_ids, dtype=str),
        targets=np.array(responses.targets, dtype=str),
        findings=np.array(responses.findings, dtype=str),
        reconstruction=np.broadcast_to(reconstruction[:kept], counterfactual.shape),
        counterfactual=counterfactual,
        before=expit(responses.reconstruction[:kept]),
        after=expit(np.swapaxes(responses.moved[:kept], 0, 1)),
    )
