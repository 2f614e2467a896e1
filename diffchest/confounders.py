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
from diffchest.params import ConfoundersParams, ExplainParams
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
    covariance: np.ndarray,
    explain: ExplainParams,
    settings: ConfoundersParams,
    runs: Path,
    processes: Processes = ALONE,
) -> tuple[Responses, np.ndarray, np.ndarray] | None:
    """Move radiographs (uint8 [P, H, W]) towards every target and in random directions, decode and encode again.

    covariance: see `counterfactual.edit_moves`; runs, processes: see `counterfactual.draw`. Returns the logits, the
    reconstructions [P, H, W] and the pictures moved towards each target [P, T, H, W], both uint8; None in all
    processes but the first.
    """
    z = counterfactual.encode_latents(model, pixels)  # of all in every process: random moves have their mean length
    explain = explain.model_copy(update={"towards": "presence"})
    towards, steps = counterfactual.edit_latents(z, head, targets, explain, covariance=covariance)
    euclidean = float(np.linalg.norm((towards - z[:, None]) / head.sd, axis=2).mean())
    moves = counterfactual.random_moves(
        settings.random_directions,
        length=float(steps.mean()) if explain.edit == "plausible" else euclidean,
        edit=explain.edit,
        covariance=covariance,
        seed=settings.seed,
    )
    elsewhere = counterfactual.move_latents(z, head, moves[None])
    drawn = counterfactual.draw(
        model,
        pixels,
        np.concatenate([z[:, None], towards, elsewhere], axis=1),
        solver=explain.solver,
        encode_steps=settings.encode_steps,
        decode_steps=settings.decode_steps,
        content=[vars(head), list(targets), covariance, explain.model_dump(), settings.model_dump()],
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


def audit(responses: Responses, head: Head, finetune: np.ndarray, settings: ConfoundersParams) -> pd.DataFrame:
    """Effect of moving towards each target A on every other finding B, tested over patients.

    finetune: latents of the fine-tuning radiographs, unnormalised [N, d]. One row per pair, strongest first within A:

    * effect, low, high: mean change of B's logit and its 95 % t interval over patients, in standard deviations of that
      logit among the fine-tuning radiographs
    * probability, probability_rise: the head's mean probability of B in the moved pictures, and how much that is above
      the reconstructions; what pairs are ranked by
    * direct_effect: what A's own change implies through the angle of the two weight vectors alone,
      (change of A) (w_A . w_B) / |w_A|^2; `excess` = effect - direct_effect is what only the picture shows
    * random_effect: the mean over random moves; random_limit: the largest mean change, up or down, under any of them
    * head_correlation: cosine of the two weight vectors
    * p_value: paired one-sided t test over patients that B's logit rises more than under random moves; p_adjusted:
      Benjamini-Hochberg over all pairs
    * flagged: p_adjusted <= `false_discovery_rate`, effect > random_limit, and in the moved pictures B has at least
      probability `planted_cooccurrence` and `planted_lift` times its mean among the fine-tuning radiographs
    """
    rows = counterfactual.target_rows(head, responses.findings)
    logits = head.logits(finetune)[:, rows].astype(np.float64)
    spread, usual = logits.std(axis=0), expit(logits).mean(axis=0)
    weight = head.weight[rows].astype(np.float64)
    blocks = [_audit_target(responses, row, weight, spread) for row in range(len(responses.targets))]
    table = pd.concat(blocks, ignore_index=True)
    table["p_adjusted"] = adjust(table["p_value"].to_numpy(), method="bh")
    lift = table["probability"] / table["confounder"].map(dict(zip(responses.findings, usual, strict=True)))
    table["flagged"] = (
        (table["p_adjusted"] <= settings.false_discovery_rate)
        & (table["effect"] > table["random_limit"])
        & (table["probability"] >= settings.planted_cooccurrence)
        & (lift >= settings.planted_lift)
    )
    return table


def _audit_target(responses: Responses, row: int, weight: np.ndarray, spread: np.ndarray) -> pd.DataFrame:
    """The pairs of target number `row`; weight [F, d] and spread [F] of the findings' logits."""
    moved, still = responses.moved[:, row], responses.reconstruction
    change, random = (moved - still) / spread, (responses.random - still[:, None]) / spread
    test: Any = stats.ttest_1samp(change - random.mean(axis=1), 0.0, axis=0, alternative="greater")
    interval = stats.ttest_1samp(change, 0.0, axis=0).confidence_interval(0.95)
    own = responses.findings.index(responses.targets[row])
    overlap = weight @ weight[own]
    direct = change[:, own].mean() * spread[own] * overlap / overlap[own] / spread
    effect, probability = change.mean(axis=0), expit(moved).mean(axis=0)
    table = pd.DataFrame(
        {
            "target": responses.targets[row],
            "confounder": responses.findings,
            "effect": effect,
            "low": interval.low,
            "high": interval.high,
            "probability": probability,
            "probability_rise": probability - expit(still).mean(axis=0),
            "direct_effect": direct,
            "excess": effect - direct,
            "random_effect": random.mean(axis=(0, 1)),
            "random_limit": np.abs(random.mean(axis=0)).max(axis=0),
            "head_correlation": overlap / np.sqrt(overlap[own] * np.square(weight).sum(axis=1)),
            "p_value": np.nan_to_num(test.pvalue, nan=1.0),  # no change in any patient
        }
    )
    return table.drop(index=own).sort_values("probability_rise", ascending=False, kind="stable")


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
