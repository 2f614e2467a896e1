"""How good counterfactuals are: whether the head sees them, how near they stay, and what else they change."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from diffchest.contracts.explained import MACRO, Explanation, Failures
from diffchest.counterfactuals.pictures import newly_clipped
from diffchest.counterfactuals.similarity import similarity
from diffchest.params.evaluation import BootstrapParams
from diffchest.progress import notice
from diffchest.stats.bootstrap import percentile_interval
from diffchest.stats.ratio import bootstrap_ratio

REACHED = 0.9  # of the change of the logit that was asked for: the picture counts as showing it
SATURATED = 0.03  # of the pixels newly black or white: the step left what the decoder can draw
MEASURES = ("validity", "flipped", "reached", "own_change", "off_target", "l1", "ssim", "clipped_fraction")
RECONSTRUCTION = ("mae", "psnr", "ssim")


def changes(explanation: Explanation) -> tuple[np.ndarray, np.ndarray]:
    """The change of each logit that was asked for, and the one that the picture shows [P, T]; NaN where z stayed."""
    moved = explanation.step > 0
    asked = explanation.logit_wanted - explanation.logit_z
    shown = explanation.logit_after - explanation.logit_before
    return np.where(moved, asked, np.nan), np.where(moved, shown, np.nan)


def worst(explanations: Sequence[Explanation]) -> Failures:
    """Of each target the counterfactual that falls shortest of the change asked for; where no z was moved, none."""
    found: dict[str, list] = {field.name: [] for field in fields(Failures)}
    for explanation in explanations:
        asked, shown = changes(explanation)
        missing = (asked - shown) * np.sign(asked)
        for column, target in enumerate(explanation.targets):
            if np.isnan(missing[:, column]).all():
                continue
            row = int(np.nanargmax(missing[:, column]))
            at = {name: getattr(explanation, name)[row] for name in ("image_id", "original", "reconstruction")}
            of_target = ("counterfactual", "step", "logit_wanted", "logit_before", "logit_after")
            at |= {name: getattr(explanation, name)[row, column] for name in of_target}
            reached = shown[row, column] / asked[row, column]
            at |= {"targets": target, "reached": reached, "number": np.isfinite(missing[:, column]).sum()}
            for name, value in at.items():
                found[name].append(value)
    text = ("image_id", "targets")
    arrays: dict[str, Any] = {name: values if name in text else np.array(values) for name, values in found.items()}
    return Failures(**arrays)


def counterfactual_table(explanation: Explanation) -> pd.DataFrame:
    """One row per radiograph and target.

    * image_id, target, step
    * probability_before, probability_after: the head's for the target in the re-encoded reconstruction and
      counterfactual; probability_wanted: for the moved z itself
    * asked, shown: the change of the logit that was asked for, and the one that the re-encoded picture shows; reached:
      shown / asked; validity: 1 where that is at least `REACHED`; all NaN where the step is 0: there already
    * flipped: 1 where the score crossed 0.5, NaN where it was there before or the step is 0
    * own_change, off_target: see `Explanation`
    * l1, ssim: of the counterfactual to the original, on the [0, 1] scale; clipped_fraction: pixels that the step drove
      to black or white
    """
    patients, targets = explanation.step.shape
    pictures = explanation.counterfactual.reshape(patients * targets, *explanation.original.shape[1:])
    distance = similarity(np.repeat(explanation.original, targets, axis=0), pictures)
    clipped = newly_clipped(explanation.counterfactual, explanation.reconstruction[:, None])
    before, after = explanation.logit_before, explanation.logit_after
    asked, shown = changes(explanation)
    with np.errstate(divide="ignore", invalid="ignore"):  # asked for nothing: a step along no direction
        reached = np.where(asked == 0, np.nan, shown / asked)
    flipped = np.where(asked > 0, after >= 0, after < 0)
    could_flip = np.where(asked > 0, before < 0, before >= 0) & (explanation.step > 0)
    columns = {
        "step": explanation.step,
        "probability_before": expit(before),
        "probability_wanted": expit(explanation.logit_wanted),
        "probability_after": expit(after),
        "asked": asked,
        "shown": shown,
        "reached": reached,
        "validity": np.where(np.isnan(reached), np.nan, reached >= REACHED),
        "flipped": np.where(could_flip, flipped, np.nan),
        "own_change": explanation.own_change,
        "off_target": explanation.off_target,
        "clipped_fraction": clipped,
    }
    table = pd.DataFrame({name: np.ravel(values) for name, values in columns.items()})
    table.insert(0, "image_id", np.repeat(explanation.image_id, targets))
    table.insert(1, "target", np.tile(explanation.targets, patients))
    return table.assign(l1=distance["mae"], ssim=distance["ssim"])


def quality_table(
    table: pd.DataFrame, patients: pd.Series, measures: Sequence[str], bootstrap: BootstrapParams
) -> pd.DataFrame:
    """Mean of each measure by target, and over the targets (`MACRO`), with percentile intervals over patients.

    `reached` is the sum of what is shown over the sum of what was asked for, since the ratio of single radiographs has
    no bounds where little was asked for.
    table: rows with image_id, target and the measures, NaN where one does not apply; patients: patient by image id.
    Returns target, measure, n (rows that count), value, low, high; NaN where no row counts.
    """
    targets = list(dict.fromkeys(table["target"]))
    of_target = (table["target"].to_numpy()[:, None] == np.array(targets)) * 1.0
    groups = table["image_id"].map(patients).to_numpy()
    blocks = []
    for measure in measures:
        values = table["shown" if measure == "reached" else measure].to_numpy(dtype=np.float64)[:, None]
        counted = of_target * ~np.isnan(values)
        weight = table[["asked"]].to_numpy(dtype=np.float64) if measure == "reached" else 1.0
        result = bootstrap_ratio(
            np.nan_to_num(values) * counted,
            np.nan_to_num(weight) * counted,
            groups=groups,
            resamples=bootstrap.resamples,
            confidence=bootstrap.confidence,
            seed=bootstrap.seed,
        )
        known = ~np.isnan(result.value)
        macro = result.samples[:, known].mean(axis=1, keepdims=True) if known.any() else result.samples[:, :1]
        low, high = percentile_interval(macro, bootstrap.confidence)
        block = pd.DataFrame(
            {
                "target": [*targets, MACRO],
                "measure": measure,
                "n": [*counted.sum(axis=0).astype(int), int(counted.sum())],
                "value": [*result.value, result.value[known].mean() if known.any() else np.nan],
                "low": [*result.low, low[0]],
                "high": [*result.high, high[0]],
            }
        )
        blocks.append(block)
    return pd.concat(blocks, ignore_index=True)


def tell_saturated(quality: pd.DataFrame) -> None:
    """Say for which targets the step drove more than `SATURATED` of the pixels to black or white."""
    clipped = quality[(quality["measure"] == "clipped_fraction") & (quality["target"] != MACRO)]
    for row in clipped[clipped["value"] > SATURATED].itertuples():
        notice(
            f"{row.target}: the step drives {row.value:.0%} of the pixels to black or white, beyond what the decoder "
            "can draw; lower explain.step, or explain.to_probability where that is set"
        )


def quality_metrics(quality: pd.DataFrame) -> dict[str, float]:
    """The means over the targets of a `quality_table`, each with `_low` and `_high`."""
    macro = quality[quality["target"] == MACRO].set_index("measure")
    return {
        f"{measure}{end}": float(row[column])
        for measure, row in macro.iterrows()
        for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
