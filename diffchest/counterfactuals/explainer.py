"""Drawing counterfactuals: moving radiographs, decoding them, and asking the head about the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diffchest.compute.parts import Arrays, Parts
from diffchest.contracts.explained import Explained, Reconstructions, Sweep
from diffchest.contracts.head import Head
from diffchest.counterfactuals import moves
from diffchest.counterfactuals.moves import edit_latents
from diffchest.counterfactuals.pictures import encode_latents, round_trip
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.counterfactuals import ExplainParams, MoveParams

SWEEP = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # steps of a sweep, in steps of the counterfactual


@dataclass(frozen=True)
class Explainer:
    """Moves radiographs as the `explain` section says, decodes them, and asks the head about the pictures.

    covariance: see `moves.edit_moves`. What it draws is None in all processes of `parts` but the first.
    """

    model: DiffusionAutoencoder
    head: Head
    covariance: np.ndarray
    settings: ExplainParams
    parts: Parts

    def explain(self, image_ids: Sequence[str], pixels: np.ndarray, targets: Sequence[str]) -> Explained | None:
        """Reconstruct the radiographs `pixels` (uint8 [P, H, W]) and move each towards every one of `targets`.

        Raises `DataError` for a target that the head cannot answer for.
        """
        z = encode_latents(self.model, pixels)
        moved, step = edit_latents(z, self.head, targets, self.settings, covariance=self.covariance)
        drawn = self._round_trip(pixels, np.concatenate([z[:, None], moved], axis=1), ["explain", *targets])
        if drawn is None:
            return None
        logits = self._logits(drawn["z"])
        return Explained(
            image_id=list(image_ids),
            targets=list(targets),
            findings=self.head.fitted,
            original=pixels,
            reconstruction=drawn["pictures"][:, 0],
            counterfactual=drawn["pictures"][:, 1:],
            x_T=drawn["x_T"],
            step=step,
            logits_z=self._logits(z),
            logits_wanted=self._logits(moved),
            logits_before=logits[:, 0],
            logits_after=logits[:, 1:],
        )

    def sweep(self, image_id: str, pixels: np.ndarray, targets: Sequence[str]) -> Sweep | None:
        """Move one radiograph, uint8 [H, W], by growing multiples (`SWEEP`) of the step."""
        z = encode_latents(self.model, pixels[None])
        moved, step = edit_latents(z, self.head, targets, self.settings, covariance=self.covariance)
        scale = np.array(SWEEP, dtype=np.float32)
        along = z + scale[None, :, None] * (moved[0] - z)[:, None]  # [T, S, d]
        latents = np.concatenate([z[:, None], along.reshape(1, -1, z.shape[1])], axis=1)
        drawn = self._round_trip(pixels[None], latents, ["sweep", *SWEEP, *targets])
        if drawn is None:
            return None
        shape = (len(targets), len(SWEEP))
        logits = self.head.logits(drawn["z"][0, 1:])[:, self.head.rows(targets)].reshape(*shape, len(targets))
        return Sweep(
            image_id=[image_id],
            targets=list(targets),
            counterfactual=drawn["pictures"][0, 1:].reshape(*shape, *pixels.shape),
            scale=scale,
            step=step[0][:, None] * scale,
            logit=np.diagonal(logits, axis1=0, axis2=2).T,
        )

    def reconstruct(self, image_ids: Sequence[str], pixels: np.ndarray) -> Reconstructions | None:
        """Encode and decode radiographs, uint8 [N, H, W], with their own latents."""
        drawn = self._round_trip(pixels, encode_latents(self.model, pixels)[:, None], ["reconstruct"])
        return None if drawn is None else Reconstructions(list(image_ids), pixels, drawn["pictures"][:, 0])

    def _round_trip(self, pixels: np.ndarray, latents: np.ndarray, content: list) -> Arrays | None:
        move = self.settings.model_dump(include=set(MoveParams.model_fields))
        return round_trip(
            self.model,
            pixels,
            latents,
            solver=self.settings.solver,
            encode_steps=self.settings.encode_steps,
            decode_steps=self.settings.decode_steps,
            content=[vars(self.head), content, self.covariance, move, moves, Head, Explainer],
            parts=self.parts,
        )

    def _logits(self, z: np.ndarray) -> np.ndarray:
        """Logits [..., F] of the fitted findings, of unnormalised latents [..., d]."""
        logits = self.head.logits(z.reshape(-1, z.shape[-1]))
        return logits[:, self.head.rows(self.head.fitted)].reshape(*z.shape[:-1], -1)
