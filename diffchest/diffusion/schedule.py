"""The noise schedule and the algebra between x_0, x_t, epsilon and v."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from diffchest.params.network import Prediction


@dataclass(frozen=True, eq=False)
class Schedule:
    """`alpha_bar` [T], float64: the share of the image's variance left in x_t, for t = 0 .. T-1 (Ho et al. 2020)."""

    alpha_bar: Tensor
    _tables: dict[torch.device, tuple[Tensor, Tensor]] = field(default_factory=dict, init=False, repr=False)

    @property
    def timesteps(self) -> int:
        """T, the number of noise levels."""
        return len(self.alpha_bar)

    def signal_and_noise(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return sqrt(alpha_bar_t) and sqrt(1 - alpha_bar_t) as float32 [N, 1, 1, 1] for `t` [N]."""
        if t.device not in self._tables:  # sent there once: each time would wait for the device
            with torch.inference_mode(False):  # they serve training too, whoever asks first
                signal, sigma = self.alpha_bar.sqrt(), (1 - self.alpha_bar).sqrt()
                self._tables[t.device] = signal.float().to(t.device), sigma.float().to(t.device)  # not all have float64
        signal, sigma = self._tables[t.device]
        return signal[t].view(-1, 1, 1, 1), sigma[t].view(-1, 1, 1, 1)

    def add_noise(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Return x_t of q(x_t | x_0) for `x` and `noise` ~ N(0, I) [N, C, H, W] and `t` [N] (DiffChest eq. 1)."""
        signal, sigma = self.signal_and_noise(t)
        return signal * x + sigma * noise


def linear_schedule(timesteps: int = 1000, beta_start: float = 1e-4, beta_end: float = 0.02) -> Schedule:
    """Return the schedule whose betas grow linearly from `beta_start` to `beta_end` (Ho et al. 2020)."""
    betas = torch.linspace(beta_start, beta_end, timesteps, dtype=torch.float64)
    return Schedule(torch.cumprod(1 - betas, dim=0))


def to_x0(output: Tensor, x_t: Tensor, signal: Tensor, sigma: Tensor, prediction: Prediction) -> Tensor:
    """Turn a network's raw `output` at x_t = signal * x_0 + sigma * epsilon into its estimate of x_0.

    epsilon: x_0 = (x_t - sigma * epsilon) / signal; v: x_0 = signal * x_t - sigma * v (Salimans & Ho 2022).
    """
    if prediction == "v":
        return signal * x_t - sigma * output
    return (x_t - sigma * output) / signal


def to_epsilon(x0: Tensor, x_t: Tensor, signal: Tensor, sigma: Tensor) -> Tensor:
    """Return the noise that makes x_t out of `x0`: (x_t - signal * x0) / sigma."""
    return (x_t - signal * x0) / sigma
