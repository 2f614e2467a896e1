"""What the explain stage makes: counterfactuals of chosen radiographs, and the numbers that judge them."""

import difflib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from diffchest import counterfactual
from diffchest.errors import DataError
from diffchest.head import Head
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params import ExplainParams
from diffchest.processes import ALONE, Processes
from diffchest.similarity import similarity


@dataclass(frozen=True)
class Explanation:
    """Counterfactuals of P radiographs towards T targets; pictures are uint8, logits the head's.

    original, reconstruction [P, H, W]; counterfactual [P, T, H, W]; x_T float16 [P, H, W] (the first channel);
    logit_before [P, T]: the re-encoded reconstruction; logit_after [P, T]: the re-encoded counterfactual.
    """

    image_id: list[str]
    targets: list[str]
    original: np.ndarray
    reconstruction: np.ndarray
    counterfactual: np.ndarray
    x_T: np.ndarray  # noqa: N815 - the field's own symbol
    logit_before: np.ndarray
    logit_after: np.ndarray

    def save(self, path: Path) -> None:
        """Write all fields as one `.npz`; equal content gives equal bytes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = {"image_id": np.array(self.image_id, dtype=str), "targets": np.array(self.targets, dtype=str)}
        arrays = {name: value for name, value in vars(self).items() if name not in text}
        np.savez_compressed(path, **text, **arrays)


def explain_images(
    model: DiffusionAutoencoder,
    head: Head,
    image_ids: list[str],
    pixels: np.ndarray,
    *,
    targets: list[str],
    covariance: np.ndarray,
    settings: ExplainParams,
    runs: Path,
    processes: Processes = ALONE,
) -> Explanation | None:
    """Reconstruct the radiographs `pixels` (uint8 [P, H, W]) and move each towards every one of `targets`.

    covariance: see `counterfactual.edit_latents`; runs, processes: see `counterfactual.draw`. Returns None in all
    processes but the first. Raises `CounterfactualError` for a target that the head cannot answer for.
    """
    rows = counterfactual.target_rows(head, targets)
    z = counterfactual.encode_latents(model, pixels)
    moved = counterfactual.edit_latents(z, head, targets, edit=settings.edit, step=settings.step, covariance=covariance)
    drawn = counterfactual.draw(
        model,
        pixels,
        np.concatenate([z[:, None], moved], axis=1),
        solver=settings.solver,
        encode_steps=settings.encode_steps,
        decode_steps=settings.decode_steps,
        content=[vars(head), list(targets), covariance, settings.model_dump()],
        runs=runs,
        processes=processes,
    )
    if drawn is None:
        return None
    pictures = drawn["pictures"]
    logits = head.logits(drawn["z"].reshape(-1, z.shape[1]))[:, rows].reshape(len(pixels), len(rows) + 1, len(rows))
    return Explanation(
        image_id=list(image_ids),
        targets=targets,
        original=pixels,
        reconstruction=pictures[:, 0],
        counterfactual=pictures[:, 1:],
        x_T=drawn["x_T"],
        logit_before=logits[:, 0],
        logit_after=np.diagonal(logits[:, 1:], axis1=1, axis2=2),
    )


def counterfactual_table(explanation: Explanation, step: float) -> pd.DataFrame:
    """One row per radiograph and target.

    Columns: image_id, target, step; the head's probability for the target in the re-encoded reconstruction and
    counterfactual; flipped (from below to at least 0.5); l1 and ssim of the counterfactual to the original;
    clipped_fraction (pixels driven to black or white by the step).
    """
    patients, targets = explanation.logit_before.shape
    pictures = explanation.counterfactual.reshape(patients * targets, *explanation.original.shape[1:])
    distance = similarity(np.repeat(explanation.original, targets, axis=0), pictures)
    clipped = counterfactual.newly_clipped(explanation.counterfactual, explanation.reconstruction[:, None])
    before, after = (expit(logit).ravel() for logit in (explanation.logit_before, explanation.logit_after))
    return pd.DataFrame(
        {
            "image_id": np.repeat(explanation.image_id, targets),
            "target": np.tile(explanation.targets, patients),
            "step": step,
            "probability_before": before,
            "probability_after": after,
            "flipped": (before < 0.5) & (after >= 0.5),
            "l1": distance["mae"],
            "ssim": distance["ssim"],
            "clipped_fraction": clipped.ravel(),
        }
    )


def reconstruction_table(
    model: DiffusionAutoencoder,
    image_ids: list[str],
    pixels: np.ndarray,
    settings: ExplainParams,
    *,
    runs: Path,
    processes: Processes = ALONE,
) -> pd.DataFrame | None:
    """Encode and decode the radiographs `pixels` (uint8 [N, H, W]) unedited: image_id, mae, psnr, ssim.

    The last three: see `similarity`; runs, processes: see `counterfactual.draw`. Returns None in all processes but the
    first.
    """
    drawn = counterfactual.draw(
        model,
        pixels,
        counterfactual.encode_latents(model, pixels)[:, None],
        solver=settings.solver,
        encode_steps=settings.encode_steps,
        decode_steps=settings.decode_steps,
        content=settings.model_dump(),
        runs=runs,
        processes=processes,
    )
    if drawn is None:
        return None
    table = similarity(pixels, drawn["pictures"][:, 0])
    table.insert(0, "image_id", image_ids)
    return table


def explanation_metrics(reconstruction: pd.DataFrame, counterfactuals: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Means over radiographs (and targets); validity is the fraction of counterfactuals that flipped."""
    flips = counterfactuals["flipped"][counterfactuals["probability_before"] < 0.5]
    return {
        "reconstruction": {name: float(reconstruction[name].mean()) for name in ("mae", "psnr", "ssim")},
        "counterfactuals": {
            "validity": float(flips.mean()),
            **{name: float(counterfactuals[name].mean()) for name in ("l1", "ssim", "clipped_fraction")},
        },
    }


def check_image_ids(image_ids: list[str], manifest: pd.DataFrame) -> None:
    """Raise `DataError` for an id of `explain.image_ids` that the manifest lacks, with the near ones."""
    known = set(manifest["image_id"])
    for image_id in image_ids:
        if image_id not in known:
            near = difflib.get_close_matches(image_id, sorted(known), n=3)
            hint = f"near ids: {', '.join(near)}" if near else f"ids look like {manifest['image_id'].iloc[0]!r}"
            raise DataError(f"explain.image_ids: {image_id!r} is not in the manifest; {hint}")
