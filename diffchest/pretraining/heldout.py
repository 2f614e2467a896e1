"""What the evaluations on held-out images share: noise that belongs to an image, and the denoised image."""

import numpy as np
import torch
from torch import Tensor

from diffchest.diffusion.ddim import Denoiser
from diffchest.diffusion.schedule import Schedule, to_x0


def signal_to_noise(schedule: Schedule) -> Tensor:
    """Return alpha_bar_t / (1 - alpha_bar_t) [T], float64, falling in t (Kingma et al. 2021)."""
    return schedule.alpha_bar / (1 - schedule.alpha_bar)


def image_generators(seed: int, positions: range) -> list[torch.Generator]:
    """Return one generator per image, so that an image's draws depend on `seed` and its position, not on its batch."""
    states = [np.random.SeedSequence([seed, position]).generate_state(1, np.uint64)[0] for position in positions]
    return [torch.Generator().manual_seed(int(state)) for state in states]


def image_noise(generators: list[torch.Generator], x: Tensor) -> Tensor:
    """Draw N(0, I) in the shape and on the device of `x` [N, C, H, W], each image from its own generator."""
    return torch.stack([torch.randn(x.shape[1:], generator=generator) for generator in generators]).to(x.device)


def denoised(model: Denoiser, x_t: Tensor, t: Tensor, z: Tensor, schedule: Schedule) -> Tensor:
    """Return the model's estimate of x_0 [N, C, H, W] from `x_t` [N, C, H, W], `t` [N] and `z` [N, d].

    It is clamped to [-1, 1] as in DDIM sampling. x_0 lies in there, so that clamping can only lower the error.
    """
    signal, sigma = schedule.signal_and_noise(t)
    return to_x0(model.predict(x_t, t, z).float(), x_t, signal, sigma, model.prediction).clamp(-1, 1)


def squared_distance(x: Tensor, estimate: Tensor) -> Tensor:
    """Return |x - estimate|^2 of each image [N], summed over its dimensions, as float64 on the CPU."""
    return (x - estimate).square().flatten(1).sum(dim=1).cpu().double()
