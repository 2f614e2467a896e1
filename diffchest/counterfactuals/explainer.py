"""Drawing counterfactuals: moving radiographs, decoding them, and asking the head about the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from diffchest.compute.parts import Arrays, Parts
from diffchest.contracts.explained import Axioms, Explained, Reconstructions, Sweep
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals import differences, edited, moves, pictures
from diffchest.counterfactuals.edited import draw_edits
from diffchest.counterfactuals.moves import edit_latents
from diffchest.counterfactuals.pictures import batch_size, decode, encode_latents, new_noise
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.counterfactuals import ExplainParams, PictureParams, Towards

SWEEP = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # steps of a sweep, in steps of the counterfactual
NULL_EDITS = 10  # times that a radiograph is moved by nothing (composition, Monteiro et al. 2023)
CODE = (*pictures.CODE, pictures, differences, edited, moves, Head)  # that makes a picture


@dataclass(frozen=True)
class Explainer:
    """Moves radiographs as the `explain` section says, draws them, and asks the head about the pictures.

    What it draws is None in all processes of `parts` but the first.
    """

    model: DiffusionAutoencoder
    head: Head
    moves: Moves
    settings: ExplainParams
    parts: Parts

    def towards(self, towards: Towards) -> "Explainer":
        """The same towards presence, or towards absence, see `MoveParams.turned`."""
        return replace(self, settings=self.settings.turned(towards))

    def explain(
        self, image_ids: Sequence[str], pixels: np.ndarray, targets: Sequence[str], *, reconstruct: bool = True
    ) -> Explained | None:
        """Move each of the radiographs `pixels` (uint8 [P, H, W]) towards every one of `targets`.

        reconstruct: show what the network knows of them as well, where the pictures can do without.
        Raises `DataError` for a target that the head cannot answer for.
        """
        z = encode_latents(self.model, pixels)
        moved, step = edit_latents(z, self.head, self.moves, targets, self.settings)
        drawn = self._draw(pixels, np.concatenate([z[:, None], moved], axis=1), targets, reconstruct=reconstruct)
        if drawn is None:
            return None
        logits = self._logits(drawn["z"])
        shown = self._shown_before(z, logits)
        return Explained(
            image_id=list(image_ids),
            targets=list(targets),
            findings=self.head.fitted,
            original=pixels,
            reconstruction=drawn["pictures"][:, 0],
            counterfactual=drawn["pictures"][:, 1:],
            x_T=drawn["x_T"],
            step=step,
            scale=drawn["scale"],
            logits_z=self._logits(z),
            logits_wanted=self._logits(moved),
            logits_before=shown,
            logits_after=logits[:, 1:],
        )

    def sweep(self, image_id: str, pixels: np.ndarray, targets: Sequence[str]) -> Sweep | None:
        """Move one radiograph, uint8 [H, W], by growing multiples (`SWEEP`) of the step."""
        z = encode_latents(self.model, pixels[None])
        moved, step = edit_latents(z, self.head, self.moves, targets, self.settings)
        scale = np.array(SWEEP, dtype=np.float32)
        along = z + scale[None, :, None] * (moved[0] - z)[:, None]  # [T, S, d]
        latents = np.concatenate([z[:, None], along.reshape(1, -1, z.shape[1])], axis=1)
        drawn = self._draw(pixels[None], latents, [target for target in targets for _ in SWEEP], reconstruct=False)
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
        """Encode and decode radiographs, uint8 [N, H, W], with their own z: from their own x_T, and from a new one."""
        z = encode_latents(self.model, pixels)[:, None]
        drawn = self._draw(pixels, z, [], reconstruct=True)
        settings = self.settings

        def part(chosen: slice) -> Arrays:
            noise = new_noise(self.model, pixels.shape[-1], range(len(pixels))[chosen], seed=settings.seed)
            redrawn = decode(self.model, noise, z[chosen], solver=settings.solver, steps=settings.decode_steps)
            return {"redrawn": redrawn[:, 0]}

        redrawn = self.parts.gather(
            part,
            len(pixels),
            size=batch_size(pixels.shape[-1]),
            content=[self.model.sha256, z, settings.solver, settings.decode_steps, settings.seed, *CODE],
            desc="draw from a new x_T",
        )
        if drawn is None or redrawn is None:
            return None
        reconstruction = drawn["pictures"][:, 0]
        return Reconstructions(list(image_ids), pixels, reconstruction, redrawn["redrawn"], drawn["x_T"])

    def there_and_back(self, explained: Explained) -> Axioms:
        """Move the counterfactuals back, and the originals by nothing, `NULL_EDITS` times (Monteiro et al. 2023).

        For one process: the others do not have what it drew.
        """
        back = self.towards("absence" if self.settings.towards == "presence" else "presence")
        returned = []
        for column, target in enumerate(explained.targets):
            pixels = explained.counterfactual[:, column]
            z = encode_latents(self.model, pixels)
            moved, _ = edit_latents(z, self.head, self.moves, [target], back.settings)
            returned.append(back._picture(pixels, z, moved[:, 0], target))
        pixels, unmoved = explained.original, []
        for _ in range(NULL_EDITS):
            z = encode_latents(self.model, pixels)
            pixels = self._picture(pixels, z, z, explained.targets[0])
            unmoved.append(pixels)
        pictures = (np.stack(several, axis=1) for several in (returned, unmoved))
        return Axioms(explained.image_id, explained.targets, explained.original, *pictures)

    def _picture(self, pixels: np.ndarray, z: np.ndarray, moved: np.ndarray, asked_of: str) -> np.ndarray:
        """Radiographs, uint8 [N, H, W], with one moved latent [N, d] each."""
        drawn = self._draw(pixels, np.stack([z, moved], axis=1), [asked_of], reconstruct=False)
        assert drawn is not None, "only the first process has pictures"
        return drawn["pictures"][:, 1]

    def _draw(
        self, pixels: np.ndarray, latents: np.ndarray, asked_of: Sequence[str], *, reconstruct: bool
    ) -> Arrays | None:
        settings = PictureParams.model_validate(self.settings.model_dump())
        rows = self.head.rows(asked_of)

        def part(chosen: slice) -> Arrays:
            few, moved = pixels[chosen], latents[chosen]
            return draw_edits(self.model, self.head, few, moved, rows, settings, reconstruct=reconstruct)

        determined = [vars(self.head), pixels, latents, list(asked_of), settings.model_dump(), reconstruct]
        return self.parts.gather(
            part,
            len(pixels),
            size=batch_size(pixels.shape[-1]),
            content=[self.model.sha256, *determined, *CODE],
            desc="draw",
        )

    def _shown_before(self, z: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """The logits [P, F] of what a change is added to: the radiograph, or its reconstruction where it is decoded."""
        return self._logits(z) if self.settings.changes_the_original else logits[:, 0]

    def _logits(self, z: np.ndarray) -> np.ndarray:
        """Logits [..., F] of the fitted findings, of unnormalised latents [..., d]."""
        logits = self.head.logits(z.reshape(-1, z.shape[-1]))
        return logits[:, self.head.rows(self.head.fitted)].reshape(*z.shape[:-1], len(self.head.fitted))
