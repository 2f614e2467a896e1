"""Deterministic DDIM sampling (Song et al. 2021): a radiograph to its stochastic code x_T, and back."""

import math
from typing import Protocol

import torch
from torch import Tensor

from diffchest.diffusion.schedule import Schedule, to_epsilon, to_x0
from diffchest.params.network import Prediction


class Denoiser(Protocol):
    """What sampling needs of a model."""

    @property
    def prediction(self) -> Prediction:
        """What `predict` returns."""
        ...

    def predict(self, x_t: Tensor, t: Tensor, z: Tensor) -> Tensor:
        """Return the raw prediction [N, C, H, W] for `x_t` [N, C, H, W], `t` [N] and `z` [N, d]."""
        ...


def ddim_timesteps(timesteps: int, steps: int) -> range:
    """Return the `steps` timesteps 0, s, 2s, ... with the smallest stride s for which there are exactly that many.

    Raises `ValueError` if no stride gives `steps`; the message names the nearest possible numbers.
    """
    stride = math.ceil(timesteps / steps) if 0 < steps <= timesteps else 0
    if stride and len(range(0, timesteps, stride)) == steps:
        return range(0, timesteps, stride)
    possible = {len(range(0, timesteps, s)) for s in range(1, timesteps + 1)}
    nearest = sorted(possible, key=lambda n: abs(n - steps))[:2]
    raise ValueError(
        f"{steps} DDIM steps: no stride divides {timesteps} timesteps so; use {nearest[0]} or {nearest[1]}"
    )


@torch.inference_mode()
def ddim_encode(model: Denoiser, x: Tensor, z: Tensor, *, schedule: Schedule, steps: int) -> Tensor:
    """Return x_T [N, C, H, W], the code from which `ddim_decode` with the same `z` [N, d] returns to `x`.

    `x` [N, C, H, W] in [-1, 1] is taken as the state at t = 0 and carried up to alpha_bar = 0.
    """
    timesteps = ddim_timesteps(schedule.timesteps, steps)
    alpha_bars = [*(float(schedule.alpha_bar[t]) for t in timesteps), 0.0]
    for index, t in enumerate(timesteps):
        x = _step(model, x, t, z, alpha_bars[index], alpha_bars[index + 1])
    return x


@torch.inference_mode()
def ddim_decode(model: Denoiser, x_T: Tensor, z: Tensor, *, schedule: Schedule, steps: int) -> Tensor:
    """Return the radiograph x_0 [N, C, H, W] in [-1, 1] that `z` [N, d] and the code `x_T` [N, C, H, W] describe."""
    timesteps = ddim_timesteps(schedule.timesteps, steps)
    alpha_bars = [1.0, *(float(schedule.alpha_bar[t]) for t in timesteps)]
    x = x_T
    for index in reversed(range(steps)):
        x = _step(model, x, timesteps[index], z, alpha_bars[index + 1], alpha_bars[index])
    return x


def estimate_x0(model: Denoiser, x: Tensor, t: int, z: Tensor, alpha_bar: float) -> Tensor:
    """Return the model's x_0 [N, C, H, W], clamped to [-1, 1], for the state `x` at timestep `t`."""
    signal, sigma = _signal_and_sigma(x, alpha_bar)
    output = model.predict(x, torch.full((len(x),), t, device=x.device), z)
    return to_x0(output, x, signal, sigma, model.prediction).clamp(-1, 1)


def carry(x: Tensor, x0: Tensor, alpha_bar: float, alpha_bar_to: float) -> Tensor:
    """Carry the state `x` from `alpha_bar` to `alpha_bar_to`, up or down, as if x_0 were `x0` all the way."""
    epsilon = to_epsilon(x0, x, *_signal_and_sigma(x, alpha_bar))
    return alpha_bar_to**0.5 * x0 + (1 - alpha_bar_to) ** 0.5 * epsilon


def _step(model: Denoiser, x: Tensor, t: int, z: Tensor, alpha_bar: float, alpha_bar_to: float) -> Tensor:
    return carry(x, estimate_x0(model, x, t, z, alpha_bar), alpha_bar, alpha_bar_to)


def _signal_and_sigma(x: Tensor, alpha_bar: float) -> tuple[Tensor, Tensor]:
    return torch.tensor(alpha_bar**0.5, dtype=x.dtype), torch.tensor((1 - alpha_bar) ** 0.5, dtype=x.dtype)
