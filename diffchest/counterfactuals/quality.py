"""How good counterfactuals are, as the head that they were made with and the originals say (`MEASURES`).

* Does the head see what was asked for in the picture, encoded again: reached, validity, flipped?
* What changes in its logits: own_change of the finding, off_target of the others, both in standard deviations?
* How near does the picture stay to the original: l1, ssim, clipped_fraction?

`reconstruction_table` says how near reconstructions stay. `quality_table` makes means with intervals of any of these;
`twin_quality` and `axioms` make theirs with it. All is read from what was drawn and kept; nothing is decoded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from diffchest.contracts.explained import MACRO, Explained, Failures, Reconstructions
from diffchest.counterfactuals.similarity import newly_clipped, similarity
from diffchest.params.evaluation import BootstrapParams
from diffchest.progress import notice
from diffchest.stats.bootstrap import percentile_interval
from diffchest.stats.ratio import RatioResult, bootstrap_ratio

REACHED = 0.9  # of the change of the logit that was asked for: the picture counts as showing it
SATURATED = 0.03  # of the pixels newly black or white: the step left what the decoder can draw
MEASURES = ("validity", "flipped", "reached", "own_change", "off_target", "l1", "ssim", "clipped_fraction")
JUDGE = "head"  # of these rows of counterfactual_quality.csv
NEW_X_T = "_new_x_T"  # of the same z, drawn from another x_T
RECONSTRUCTION = ("mae", "psnr", "ssim", f"mae{NEW_X_T}", f"ssim{NEW_X_T}")
RATIOS = {"reached": ("shown", "asked")}  # measures that are sums over radiographs, one over the other


def changes(explained: Explained) -> tuple[np.ndarray, np.ndarray]:
    """The change of each logit that was asked for, and the one that the picture shows [P, T]; NaN where z stayed."""
    moved = explained.step > 0
    asked = explained.logit_wanted - explained.logit_z
    shown = explained.logit_after - explained.logit_before
    return np.where(moved, asked, np.nan), np.where(moved, shown, np.nan)


def side_effects(explained: Explained, findings: Sequence[str], spread: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """How far the pictures changed the target's logit, and on average those of the other `findings`: [P, T] each.

    In standard deviations: `spread` of each logit among the fine-tuning radiographs, by finding. The second is a mean
    of absolute changes, NaN where there is no other finding.
    """
    targets = len(explained.targets)
    measured = list(dict.fromkeys([*explained.targets, *findings]))
    columns = explained.columns(measured)
    rise = explained.logits_after[:, :, columns] - explained.logits_before[:, None, columns]
    change = rise / spread[measured].to_numpy()
    counted = np.isin(measured, list(findings))
    others = counted & ~np.eye(targets, len(measured), dtype=bool)  # [T, measured]
    with np.errstate(invalid="ignore"):  # no other finding
        off = np.einsum("ptf,tf->pt", np.abs(change), others) / others.sum(axis=1)
    return np.diagonal(change, axis1=1, axis2=2), off


def worst(groups: Sequence[Explained]) -> Failures:
    """Of each target the counterfactual that falls shortest of the change asked for; where no z was moved, none."""
    found: dict[str, list] = {field.name: [] for field in fields(Failures)}
    for explained in groups:
        asked, shown = changes(explained)
        missing = (asked - shown) * np.sign(asked)
        for column, target in enumerate(explained.targets):
            if np.isnan(missing[:, column]).all():
                continue
            row = int(np.nanargmax(missing[:, column]))
            at = {name: getattr(explained, name)[row] for name in ("image_id", "original", "reconstruction")}
            of_target = ("counterfactual", "step", "logit_wanted", "logit_before", "logit_after")
            at |= {name: getattr(explained, name)[row, column] for name in of_target}
            reached = shown[row, column] / asked[row, column]
            at |= {"targets": target, "reached": reached, "number": np.isfinite(missing[:, column]).sum()}
            for name, value in at.items():
                found[name].append(value)
    text = ("image_id", "targets")
    arrays: dict[str, Any] = {name: values if name in text else np.array(values) for name, values in found.items()}
    return Failures(**arrays)


def counterfactual_table(explained: Explained, findings: Sequence[str], spread: pd.Series) -> pd.DataFrame:
    """One row per radiograph and target.

    * image_id, target, step
    * probability_before, probability_after: the head's for the target in the re-encoded reconstruction and
      counterfactual; probability_wanted: for the moved z itself
    * asked, shown: the change of the logit that was asked for, and the one that the re-encoded picture shows; reached:
      shown / asked; validity: 1 where that is at least `REACHED`; all NaN where the step is 0: there already
    * flipped: 1 where the score crossed 0.5, NaN where it was there before or the step is 0
    * own_change, off_target: see `side_effects`
    * l1, ssim: of the counterfactual to the original, on the [0, 1] scale; clipped_fraction: pixels that the step drove
      to black or white
    """
    patients, targets = explained.step.shape
    own_change, off_target = side_effects(explained, findings, spread)
    columns = {
        "step": explained.step,
        "probability_before": expit(explained.logit_before),
        "probability_wanted": expit(explained.logit_wanted),
        "probability_after": expit(explained.logit_after),
        **_success(explained),
        "own_change": own_change,
        "off_target": off_target,
        "clipped_fraction": newly_clipped(explained.counterfactual, explained.reconstruction[:, None]),
    }
    table = pd.DataFrame({name: np.ravel(values) for name, values in columns.items()})
    table.insert(0, "image_id", np.repeat(explained.image_id, targets))
    table.insert(1, "target", np.tile(explained.targets, patients))
    pictures = explained.counterfactual.reshape(patients * targets, *explained.original.shape[1:])
    distance = similarity(np.repeat(explained.original, targets, axis=0), pictures)
    return table.assign(l1=distance["mae"], ssim=distance["ssim"])


def _success(explained: Explained) -> dict[str, np.ndarray]:
    """The columns asked, shown, reached, validity and flipped of `counterfactual_table`, [P, T] each."""
    before, after = explained.logit_before, explained.logit_after
    asked, shown = changes(explained)
    with np.errstate(divide="ignore", invalid="ignore"):  # asked for nothing: a step along no direction
        reached = np.where(asked == 0, np.nan, shown / asked)
    flipped = np.where(asked > 0, after >= 0, after < 0)
    could_flip = np.where(asked > 0, before < 0, before >= 0) & (explained.step > 0)
    return {
        "asked": asked,
        "shown": shown,
        "reached": reached,
        "validity": np.where(np.isnan(reached), np.nan, reached >= REACHED),
        "flipped": np.where(could_flip, flipped, np.nan),
    }


def reconstruction_table(reconstructions: Reconstructions) -> pd.DataFrame:
    """One row per radiograph: image_id, and how much its reconstruction differs, see `similarity`.

    An exact one has no `psnr`, so the mean is over the others; `reconstruction_metrics` counts them. `mae_new_x_T` and
    `ssim_new_x_T` are of the picture that the same z gives from another x_T: what z alone holds of the radiograph.
    """
    table = similarity(reconstructions.original, reconstructions.reconstruction)
    redrawn = similarity(reconstructions.original, reconstructions.redrawn)
    table = table.join(redrawn[["mae", "ssim"]].add_suffix(NEW_X_T))
    table.insert(0, "image_id", reconstructions.image_id)
    return table


def quality_table(
    table: pd.DataFrame,
    patients: pd.Series,
    measures: Sequence[str],
    bootstrap: BootstrapParams,
    ratios: Mapping[str, tuple[str, str]] = RATIOS,
) -> pd.DataFrame:
    """Mean of each measure by target, and over the targets (`MACRO`), with percentile intervals.

    A measure of `ratios`, such as `reached`, is the sum of one column over that of another, since the ratio of single
    radiographs has no bounds where little was asked for.
    table: rows with image_id, target and the measures, NaN where one does not apply; patients: patient by image id,
    whose radiographs are redrawn together, as `bootstrap` says.
    Returns target, measure, n (rows that count), value, low, high; NaN where no row counts, and low and high also
    where those that count are of one patient, who says nothing of how others differ.
    """
    targets, image_ids = (list(dict.fromkeys(table[name])) for name in ("target", "image_id"))
    redraws = bootstrap.redraws(patients.loc[image_ids].to_numpy())
    units = pd.factorize(np.asarray(image_ids) if redraws["groups"] is None else redraws["groups"])[0]

    def by_image(column: str) -> np.ndarray:
        """[images, targets]; NaN where a radiograph was not moved towards a target."""
        return table.pivot(index="image_id", columns="target", values=column).loc[image_ids, targets].to_numpy(float)

    blocks = []
    for measure in measures:
        above, below = ratios.get(measure, (measure, None))
        values = by_image(above)
        counted = ~np.isnan(values)
        weight = np.nan_to_num(by_image(below)) if below else 1.0
        several = np.array([len(set(units[of_target])) > 1 for of_target in counted.T])
        result = _ratio(np.nan_to_num(values), weight * counted, several, redraws)
        blocks.append(_with_macro(result, counted.sum(axis=0), bootstrap.confidence).assign(measure=measure))
    found = pd.concat(blocks, ignore_index=True)
    found["target"] = [*targets, MACRO] * len(measures)
    return found[["target", "measure", "n", "value", "low", "high"]]


def _ratio(above: np.ndarray, below: np.ndarray, several: np.ndarray, redraws: dict[str, Any]) -> RatioResult:
    """`bootstrap_ratio`, with limits only where rows of `several` [targets] patients count."""
    if not several.any():
        with np.errstate(invalid="ignore", divide="ignore"):
            value = above.sum(axis=0) / below.sum(axis=0)
        none = np.full(len(value), np.nan)
        return RatioResult(value=value, low=none, high=none, samples=none[None])
    result = bootstrap_ratio(above, below, **redraws)
    limits = {end: np.where(several, getattr(result, end), np.nan) for end in ("low", "high")}
    return replace(result, **limits)


def tell_one_radiograph(image_ids: Sequence[str], reconstructions: int) -> None:
    """Say before anything is computed which means of the parameters `explain` will have no interval."""
    if len(image_ids) == 1:
        notice("explain.image_ids names one radiograph: means of counterfactuals have no intervals")
    if reconstructions == 1:
        notice("explain.reconstructions is 1: means of reconstructions have no intervals")


def _with_macro(result: RatioResult, counts: np.ndarray, confidence: float) -> pd.DataFrame:
    """n, value, low and high of each target, and last of the mean over those that are known."""
    known = ~np.isnan(result.value)
    macro = result.samples[:, known].mean(axis=1, keepdims=True) if known.any() else result.samples[:, :1]
    low, high = percentile_interval(macro, confidence)
    return pd.DataFrame(
        {
            "n": [*counts.astype(int), int(counts.sum())],
            "value": [*result.value, result.value[known].mean() if known.any() else np.nan],
            "low": [*result.low, low[0]],
            "high": [*result.high, high[0]],
        }
    )


def head_quality(table: pd.DataFrame, patients: pd.Series, bootstrap: BootstrapParams) -> pd.DataFrame:
    """The rows of counterfactual_quality.csv that the head and the original say; table: see `counterfactual_table`."""
    return quality_table(table, patients, MEASURES, bootstrap).assign(judge=JUDGE)


def tell_saturated(quality: pd.DataFrame) -> None:
    """Say for which targets the step drove more than `SATURATED` of the pixels to black or white."""
    clipped = quality[(quality["measure"] == "clipped_fraction") & (quality["target"] != MACRO)]
    for row in clipped[clipped["value"] > SATURATED].itertuples():
        notice(
            f"{row.target}: the step drives {row.value:.0%} of the pixels to black or white, beyond what the decoder "
            "can draw; lower explain.step, or explain.to_probability where that is set"
        )


def reconstruction_metrics(table: pd.DataFrame, patients: pd.Series, bootstrap: BootstrapParams) -> dict[str, float]:
    """The means of a `reconstruction_table` with intervals, of how many, and how many of these are `exact`."""
    quality = quality_table(table.assign(target=""), patients, RECONSTRUCTION, bootstrap)
    return quality_metrics(quality) | {"images": len(table), "exact": int((table["mae"] == 0).sum())}


def quality_metrics(quality: pd.DataFrame) -> dict[str, float]:
    """The means over the targets of a `quality_table`, each with `_low` and `_high`."""
    macro = quality[quality["target"] == MACRO].set_index("measure")
    return {
        f"{measure}{end}": float(row[column])
        for measure, row in macro.iterrows()
        for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
