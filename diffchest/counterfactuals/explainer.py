"""Counterfactuals of radiographs as the explain stage keeps them: pictures, and what the head says of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffchest.compute.parts import Arrays
from diffchest.compute.processes import ALONE, Processes
from diffchest.contracts.explained import Explanation, Sweep
from diffchest.contracts.head import Head
from diffchest.counterfactuals.moves import edit_latents, logit_spread, target_rows
from diffchest.counterfactuals.pictures import draw, encode_latents
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.counterfactuals import ExplainParams

SWEEP = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # steps of a sweep, in steps of the counterfactual


@dataclass(frozen=True)
class Explainer:
    """Moves radiographs as the `explain` section says, decodes them, and asks the head about the pictures.

    findings: those whose change counts as off target; covariance: see `moves.edit_moves`; runs, processes: see
    `pictures.draw`.
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
        rows = target_rows(head, targets)
        z = encode_latents(self.model, pixels)
        moved, step = edit_latents(z, head, targets, self.settings, covariance=self.covariance)
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
        rows = target_rows(self.head, targets)
        z = encode_latents(self.model, pixels[None])
        moved, step = edit_latents(z, self.head, targets, self.settings, covariance=self.covariance)
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
        drawn = self._draw(pixels, encode_latents(self.model, pixels)[:, None], ["reconstruct"])
        return None if drawn is None else drawn["pictures"][:, 0]

    def _draw(self, pixels: np.ndarray, latents: np.ndarray, content: list) -> Arrays | None:
        return draw(
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
        rows = target_rows(self.head, measured)
        spread = logit_spread(self.head, measured, self.covariance)
        change = (logits[:, 1:, rows] - logits[:, :1, rows]) / spread
        own = _own(change[:, :, : len(targets)])
        counted = np.array([name in set(self.findings) for name in measured])
        others = counted & ~np.eye(len(targets), len(measured), dtype=bool)  # [T, measured]
        with np.errstate(invalid="ignore"):  # no other finding
            off = np.einsum("ptf,tf->pt", np.abs(change), others) / others.sum(axis=1)
        return own, off


def _own(values: np.ndarray) -> np.ndarray:
    """[P, T, T] to [P, T]: what each counterfactual says of its own target."""
    return np.diagonal(values, axis1=1, axis2=2)
