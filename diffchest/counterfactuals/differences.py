"""What a moved z changes in a radiograph: the difference of two denoised pictures, where it is large, as far as asked.

A decoded counterfactual keeps in x_T what z does not carry, and with it the picture without the finding. Here the
radiograph is noised, denoised with the moved z and with its own, and the difference is added to it: what the network
could not restore is the same in both and leaves no trace (as in Hertz et al. 2023, "Delta denoising score"; that such
differences show where an edit lies is the mask of DiffEdit, Couairon et al. 2023).
"""

import numpy as np
import torch
from scipy.ndimage import binary_dilation, gaussian_filter

from diffchest.diffusion.schedule import to_x0
from diffchest.images.squares import to_model_range
from diffchest.model.autoencoder import DiffusionAutoencoder

GRAY = 127.5  # gray levels of 255 in a unit of the model's range
NOISE_SEED = 0
BLUR = 1 / 64  # of the side: standard deviation with which a change is smoothed before it is looked at


@torch.inference_mode()
def denoised_change(
    model: DiffusionAutoencoder,
    pixels: np.ndarray,
    latents: np.ndarray,
    *,
    noise_level: float,
    draws: int,
    batch_size: int,
) -> np.ndarray:
    """The change that each moved latent makes in the denoised radiograph, the mean over `draws` of noise.

    pixels: uint8 [N, H, W]; latents: unnormalised [N, 1 + T, d], a radiograph's own z first; noise_level: the timestep,
    as a fraction of all. Returns float32 [N, T, H, W] in gray levels. The noise is the same for all radiographs, so
    that a picture does not depend on which others are drawn.
    """
    images, moved = latents.shape[:2]
    timestep = min(int(noise_level * model.schedule.timesteps), model.schedule.timesteps - 1)
    side = pixels.shape[-1]
    noise = torch.randn(draws, model.channels, side, side, generator=torch.Generator().manual_seed(NOISE_SEED))
    source, flat = np.repeat(np.arange(images), moved), latents.reshape(images * moved, -1)
    denoised = np.zeros((images * moved, side, side), dtype=np.float32)
    for start in range(0, len(flat), batch_size):
        chosen = slice(start, start + batch_size)
        x = model.prepare(torch.from_numpy(to_model_range(pixels[source[chosen]])).to(model.device))
        z, t = torch.from_numpy(flat[chosen]).to(model.device), torch.full((len(x),), timestep, device=model.device)
        signal, sigma = model.schedule.signal_and_noise(t)
        for draw in noise.to(model.device):
            x_t = signal * x + sigma * draw
            x_0 = to_x0(model.predict(x_t, t, z), x_t, signal, sigma, model.prediction)
            denoised[chosen] += x_0.mean(dim=1).cpu().numpy() * (GRAY / draws)
    denoised = denoised.reshape(images, moved, side, side)
    return denoised[:, 1:] - denoised[:, :1]


def localised(change: np.ndarray, fraction: float) -> np.ndarray:
    """A change [..., H, W] where its size, smoothed, exceeds `fraction` of its largest, and a little around it; else 0.

    What is left out goes back to the original: FastDiME's mask (Weng et al. 2024).
    """
    blur = BLUR * change.shape[-1]
    still = (0.0,) * (change.ndim - 2)
    size = np.abs(gaussian_filter(change, (*still, blur, blur)))
    region = size > fraction * size.max(axis=(-2, -1), keepdims=True)
    around = np.ones((1,) * (change.ndim - 2) + (3, 3), dtype=bool)
    return np.where(binary_dilation(region, around, iterations=max(1, round(blur))), change, np.float32(0))


def added(pixels: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Pictures uint8 [N, T, H, W]: radiographs `pixels` uint8 [N, H, W] with changes [N, T, H, W] in gray levels."""
    return np.rint(np.clip(pixels[:, None] + change, 0, 255)).astype(np.uint8)
