"""Pictures of moved latents as `explain` says: decoded or as differences, local, scaled to what was asked for."""

from collections.abc import Callable

import numpy as np

from diffchest.compute.parts import Arrays
from diffchest.contracts.head import Head
from diffchest.counterfactuals.differences import added, denoised_change, localised
from diffchest.counterfactuals.pictures import batch_size, decode, encode_latents, encode_noise
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.counterfactuals import PictureParams

LEAST, MOST = 0.5, 3.0  # a change is scaled by so much: further, it is no longer what the network drew
FASTEST = 2.0  # per correction, since the encoder is not linear


def draw_edits(
    model: DiffusionAutoencoder,
    head: Head,
    pixels: np.ndarray,
    latents: np.ndarray,
    asked_of: np.ndarray,
    settings: PictureParams,
    *,
    reconstruct: bool,
) -> Arrays:
    """Draw radiographs with moved latents, and encode the pictures again.

    pixels: uint8 [N, H, W]; latents: unnormalised float32 [N, 1 + T, d], a radiograph's own z first; asked_of [T]: the
    head's row whose logit each move is to change. Returns `pictures` uint8 [N, 1 + T, H, W], first those of the own z;
    their latents `z` [N, 1 + T, d]; `scale` [N, T] of the changes (see `corrected`); `x_T` float16 [N, H, W] (the first
    channel). Differences are added to the radiograph itself. Unless they `reconstruct` it by way of x_T all the same,
    to show what the network knows, it is its own first picture, and `x_T` is 0.
    """
    own, base = latents[:, :1], pixels[:, None]
    reconstruction, x_T = base, np.zeros(pixels.shape, dtype=np.float16)
    decoded = settings.picture == "decode"
    if reconstruct or decoded:
        x_end = encode_noise(model, pixels, latents[:, 0], solver=settings.solver, steps=settings.encode_steps)
        through = latents if decoded else own
        drawn = decode(model, x_end, through, solver=settings.solver, steps=settings.decode_steps)
        reconstruction, x_T = drawn[:, :1], x_end[:, 0].astype(np.float16)
    if decoded:
        change, base = drawn[:, 1:].astype(np.float32) - reconstruction, reconstruction
    else:
        change = denoised_change(
            model,
            pixels,
            latents,
            noise_level=settings.noise_level,
            draws=settings.noise_draws,
            batch_size=batch_size(pixels.shape[-1]),
        )
    if settings.local is not None:
        change, base = localised(change, settings.local), pixels[:, None]

    def logits_of(pictures: np.ndarray) -> np.ndarray:
        return _own_logits(model, head, pictures, asked_of)

    logits = head.logits(latents.reshape(-1, latents.shape[-1])).reshape(*latents.shape[:2], len(head.findings))
    asked = logits[:, 1:][:, np.arange(len(asked_of)), asked_of] - logits[:, 0][:, asked_of]
    scale, drawn = corrected(base[:, 0], change, asked, logits_of, rounds=settings.corrections)
    pictures = np.concatenate([reconstruction, drawn], axis=1)
    z = encode_latents(model, pictures.reshape(-1, *pixels.shape[1:])).reshape(*pictures.shape[:2], -1)
    return {"pictures": pictures, "z": z, "scale": scale, "x_T": x_T}


def corrected(
    base: np.ndarray,
    change: np.ndarray,
    asked: np.ndarray,
    logits_of: Callable[[np.ndarray], np.ndarray],
    *,
    rounds: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Scale changes until the encoder sees what was asked for: the scales [N, T], and the pictures uint8 [N, T, H, W].

    base: uint8 [N, H, W]; change: [N, T, H, W] in gray levels; asked: change of the logit [N, T]; logits_of: each
    picture's logit of its own target, [N, T, H, W] -> [N, T]. A round takes the scale times asked / seen. Of all
    rounds the scale whose picture was nearest to what was asked for is kept.
    """
    scale = np.ones(asked.shape)
    drawn = added(base, change)
    if not rounds:
        return scale, drawn
    before = logits_of(base[:, None])
    best, best_drawn, nearest = scale, drawn, np.full(asked.shape, np.inf)
    for left in range(rounds, -1, -1):
        seen = logits_of(drawn) - before
        missing = np.abs(seen - asked)
        better = missing < nearest
        best, nearest = np.where(better, scale, best), np.where(better, missing, nearest)
        best_drawn = np.where(better[..., None, None], drawn, best_drawn)
        if not left:
            break
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(seen * asked > 0, asked / seen, FASTEST)  # nothing seen, or the contrary: more of it
        scale = np.clip(scale * np.clip(ratio, 1 / FASTEST, FASTEST), LEAST, MOST)
        drawn = added(base, scale[..., None, None] * change)
    return best, best_drawn


def _own_logits(model: DiffusionAutoencoder, head: Head, pictures: np.ndarray, asked_of: np.ndarray) -> np.ndarray:
    """The logit of each picture's own target: uint8 [N, T, H, W], or [N, 1, H, W] for all targets, to [N, T]."""
    number, drawn = pictures.shape[:2]
    logits = head.logits(encode_latents(model, pictures.reshape(-1, *pictures.shape[2:])))
    logits = logits.reshape(number, drawn, len(head.findings))
    return logits[:, 0][:, asked_of] if drawn == 1 else logits[:, np.arange(drawn), asked_of]
