"""Counterfactuals of radiographs as the explain stage keeps them: pictures, and what the head says of them."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diffchest import counterfactual
from diffchest.disease_free import choose_disease_free, choose_with_finding
from diffchest.errors import DataError
from diffchest.head import Head
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params import ExplainParams
from diffchest.processes import ALONE, Processes
from diffchest.progress import notice

NAMES = ("image_id", "targets")  # of what is kept: text, not arrays
SWEEP = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # steps of a sweep, in steps of the counterfactual


class Kept:
    """A dataclass of arrays, and of the names `NAMES`, that the figures read from a file."""

    def save(self, path: Path) -> None:
        """Write all fields as one `.npz`; equal content gives equal bytes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text: dict[str, Any] = {name: np.array(getattr(self, name), dtype=str) for name in NAMES}
        np.savez_compressed(path, **vars(self) | text)


@dataclass(frozen=True)
class Explanation(Kept):
    """Counterfactuals of P radiographs towards T targets; pictures are uint8, logits the head's for the target.

    * original, reconstruction [P, H, W]; counterfactual [P, T, H, W]; x_T float16 [P, H, W] (the first channel)
    * step [P, T]: how far z was moved; logit_z [P, T]: of the radiograph itself; logit_wanted [P, T]: of the moved z
    * logit_before, logit_after [P, T]: of the re-encoded reconstruction and counterfactual
    * own_change, off_target [P, T]: between these two pictures, in standard deviations of each logit among the
      fine-tuning radiographs: the change of the target's, and the mean absolute change of the other findings'
    """

    image_id: list[str]
    targets: list[str]
    original: np.ndarray
    reconstruction: np.ndarray
    counterfactual: np.ndarray
    x_T: np.ndarray  # noqa: N815 - the field's own symbol
    step: np.ndarray
    logit_z: np.ndarray
    logit_wanted: np.ndarray
    logit_before: np.ndarray
    logit_after: np.ndarray
    own_change: np.ndarray
    off_target: np.ndarray

    def sample(self, number: int, *, seed: int) -> "Explanation":
        """The part of `number` radiographs drawn by seed, in the same order; all where there are fewer."""
        rows = np.sort(np.random.default_rng(seed).permutation(len(self.image_id))[:number])
        arrays: dict[str, Any] = {name: value[rows] for name, value in vars(self).items() if name not in NAMES}
        return Explanation(image_id=[self.image_id[row] for row in rows], targets=self.targets, **arrays)


@dataclass(frozen=True)
class Sweep(Kept):
    """One radiograph moved towards T targets in S steps.

    counterfactual uint8 [T, S, H, W]; scale [S]: multiples of the step of an `Explanation`; step [T, S]; logit [T, S]:
    the head's for the target in the re-encoded picture.
    """

    image_id: list[str]
    targets: list[str]
    counterfactual: np.ndarray
    scale: np.ndarray
    step: np.ndarray
    logit: np.ndarray


@dataclass(frozen=True)
class Explainer:
    """Moves radiographs as the `explain` section says, decodes them, and asks the head about the pictures.

    findings: those whose change counts as off target; covariance: see `counterfactual.edit_moves`; runs, processes: see
    `counterfactual.draw`.
    """

    model: DiffusionAutoencoder
    head: Head
    findings: Sequence[str]
    covariance: np.ndarray
    settings: ExplainParams
    runs: Path
    processes: Processes = ALONE

    def explain(self, image_ids: Sequence[str], pixels: np.ndarray, targets: Sequence[str]) -> Explanation | None:
        """Reconstruct the radiographs `pixels` (uint8 [P, H, W]) and move each towards every one of `targets`.

        Returns None in all processes but the first. Raises `CounterfactualError` for a target that the head cannot
        answer for.
        """
        head = self.head
        rows = counterfactual.target_rows(head, targets)
        z = counterfactual.encode_latents(self.model, pixels)
        moved, step = counterfactual.edit_latents(z, head, targets, self.settings, covariance=self.covariance)
        drawn = self._draw(pixels, np.concatenate([z[:, None], moved], axis=1), ["explain", *targets])
        if drawn is None:
            return None
        pictures = drawn["pictures"]
        logits = head.logits(drawn["z"].reshape(-1, z.shape[1])).reshape(len(pixels), 1 + len(rows), -1)
        own_change, off_target = self._changes(logits, targets)
        return Explanation(
            image_id=list(image_ids),
            targets=list(targets),
            original=pixels,
            reconstruction=pictures[:, 0],
            counterfactual=pictures[:, 1:],
            x_T=drawn["x_T"],
            step=step,
            logit_z=head.logits(z)[:, rows],
            logit_wanted=_own(head.logits(moved.reshape(-1, z.shape[1])).reshape(len(z), len(rows), -1)[:, :, rows]),
            logit_before=logits[:, 0, rows],
            logit_after=_own(logits[:, 1:, rows]),
            own_change=own_change,
            off_target=off_target,
        )

    def sweep(self, image_id: str, pixels: np.ndarray, targets: Sequence[str]) -> Sweep | None:
        """Move one radiograph, uint8 [H, W], by growing multiples (`SWEEP`) of the step; None as `explain`."""
        rows = counterfactual.target_rows(self.head, targets)
        z = counterfactual.encode_latents(self.model, pixels[None])
        moved, step = counterfactual.edit_latents(z, self.head, targets, self.settings, covariance=self.covariance)
        scale = np.array(SWEEP, dtype=np.float32)
        along = z + scale[None, :, None] * (moved[0] - z)[:, None]  # [T, S, d]
        latents = np.concatenate([z[:, None], along.reshape(1, -1, z.shape[1])], axis=1)
        drawn = self._draw(pixels[None], latents, ["sweep", *SWEEP, *targets])
        if drawn is None:
            return None
        shape = (len(targets), len(SWEEP))
        logits = self.head.logits(drawn["z"][0, 1:])[:, rows].reshape(*shape, len(rows))
        return Sweep(
            image_id=[image_id],
            targets=list(targets),
            counterfactual=drawn["pictures"][0, 1:].reshape(*shape, *pixels.shape),
            scale=scale,
            step=step[0][:, None] * scale,
            logit=_own(logits.swapaxes(0, 1)).T,
        )

    def reconstruct(self, pixels: np.ndarray) -> np.ndarray | None:
        """Encode and decode radiographs, uint8 [N, H, W], with their own latents; None as `explain`."""
        drawn = self._draw(pixels, counterfactual.encode_latents(self.model, pixels)[:, None], ["reconstruct"])
        return None if drawn is None else drawn["pictures"][:, 0]

    def _draw(self, pixels: np.ndarray, latents: np.ndarray, content: list) -> counterfactual.Arrays | None:
        return counterfactual.draw(
            self.model,
            pixels,
            latents,
            solver=self.settings.solver,
            encode_steps=self.settings.encode_steps,
            decode_steps=self.settings.decode_steps,
            content=[vars(self.head), content, self.covariance, self.settings.model_dump()],
            runs=self.runs,
            processes=self.processes,
        )

    def _changes(self, logits: np.ndarray, targets: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """`own_change` and `off_target` from logits [P, 1 + T, all findings]."""
        measured = list(dict.fromkeys([*targets, *self.findings]))
        rows = counterfactual.target_rows(self.head, measured)
        spread = counterfactual.logit_spread(self.head, measured, self.covariance)
        change = (logits[:, 1:, rows] - logits[:, :1, rows]) / spread
        own = _own(change[:, :, : len(targets)])
        counted = np.array([name in set(self.findings) for name in measured])
        others = counted & ~np.eye(len(targets), len(measured), dtype=bool)  # [T, measured]
        with np.errstate(invalid="ignore"):  # no other finding
            off = np.einsum("ptf,tf->pt", np.abs(change), others) / others.sum(axis=1)
        return own, off


def choose_radiographs(
    test: pd.DataFrame, labels: pd.DataFrame, targets: Sequence[str], settings: ExplainParams
) -> list[tuple[list[str], list[str]]]:
    """Which test radiographs are moved towards which targets: pairs of targets and image ids.

    test: manifest rows; labels: theirs, in the same order. Towards presence, disease-free radiographs of
    `settings.radiographs` patients serve all targets; away from a finding, those of patients with it. A target that no
    radiograph has is left out, with a notice. `settings.image_ids` come before both. Raises `DataError` when there is
    no radiograph.
    """
    if settings.image_ids:
        return [(list(targets), list(settings.image_ids))]
    number, seed = settings.radiographs, settings.seed
    if settings.towards == "presence":
        return [(list(targets), choose_disease_free(test, labels, number=number, seed=seed))]
    chosen = {target: choose_with_finding(test, labels, target, number=number, seed=seed) for target in targets}
    if not any(chosen.values()):
        raise DataError(
            f"explain.towards is absence, but none of the {len(test)} test radiographs has any of {list(targets)}; "
            "name other targets"
        )
    for target in (target for target, ids in chosen.items() if not ids):
        notice(f"no test radiograph has {target!r}: nothing to move away from it")
    return [([target], ids) for target, ids in chosen.items() if ids]


def choose_shown(groups: Sequence[tuple[list[str], list[str]]], number: int, *, seed: int) -> list[str]:
    """`number` image ids for the figures, drawn by seed from each group of `choose_radiographs` in turn."""
    shuffled = [list(np.random.default_rng(seed).permutation(ids)) for _, ids in groups]
    turns = [ids[turn] for turn in range(max(map(len, shuffled))) for ids in shuffled if turn < len(ids)]
    return [str(image_id) for image_id in dict.fromkeys(turns)][:number]


def check_image_ids(image_ids: list[str], manifest: pd.DataFrame) -> None:
    """Raise `DataError` for an id of `explain.image_ids` that the manifest lacks, with the near ones."""
    known = set(manifest["image_id"])
    for image_id in image_ids:
        if image_id not in known:
            near = difflib.get_close_matches(image_id, sorted(known), n=3)
            hint = f"near ids: {', '.join(near)}" if near else f"ids look like {manifest['image_id'].iloc[0]!r}"
            raise DataError(f"explain.image_ids: {image_id!r} is not in the manifest; {hint}")


def _own(values: np.ndarray) -> np.ndarray:
    """[P, T, T] to [P, T]: what each counterfactual says of its own target."""
    return np.diagonal(values, axis1=1, axis2=2)
