"""DPM-Solver++(2M), a second-order deterministic solver: a radiograph to its stochastic code x_T, and back.

It solves the same probability-flow equation as DDIM (Song et al. 2021) with one network evaluation per step. With
lambda = log(sqrt(alpha_bar) / sqrt(1 - alpha_bar)) as time, half the log-SNR, the solution from s to t is exactly

    x_t = sqrt(alpha_bar_t) m + sqrt(1 - alpha_bar_t) (x_s - sqrt(alpha_bar_s) m) / sqrt(1 - alpha_bar_s),

m being the mean of the estimates of x_0 along the way, weighted by e^lambda (Lu et al. 2022, "DPM-Solver++", eq. 8).
DDIM takes the estimate at s for m. The multistep solver continues the line through the last two estimates, so that the
error falls with the square of the number of steps. The same formula serves both directions, lambda falling or rising.

The clamp: every estimate of x_0 is clamped to [-1, 1] as in DDIM, hence the true m lies there too, and clamping the
extrapolated m can only bring it nearer to that. The order is two wherever the estimate is a smooth function of lambda;
it is one in a pixel for the steps in which the clamp begins or ceases to act.
"""

import math

import torch
from torch import Tensor

from diffchest.diffusion.ddim import Denoiser, carry, estimate_x0
from diffchest.diffusion.schedule import Schedule


def dpm_timesteps(schedule: Schedule, steps: int) -> list[int]:
    """Return `steps` different timesteps, from 0 to T-1, as evenly spaced in lambda as whole timesteps can be.

    Raises `ValueError` for fewer than 2 steps or more than T.
    """
    timesteps = schedule.timesteps
    if not 2 <= steps <= timesteps:
        raise ValueError(f"{steps} steps of DPM-Solver++: take 2 to {timesteps}, the timesteps of the schedule")
    log_snr = torch.logit(schedule.alpha_bar.cpu()) / 2
    even = log_snr[0] + (log_snr[-1] - log_snr[0]) * torch.linspace(0, 1, steps, dtype=torch.float64)
    nearest = (log_snr - even[:, None]).abs().argmin(dim=1)
    index = torch.arange(steps)
    different = (nearest - index).cummax(dim=0).values + index  # at little noise, one timestep is a long way in lambda
    return torch.minimum(different, timesteps - steps + index).tolist()


@torch.inference_mode()
def dpm_encode(model: Denoiser, x: Tensor, z: Tensor, *, schedule: Schedule, steps: int) -> Tensor:
    """Return x_T [N, C, H, W], the code from which `dpm_decode` with the same `z` [N, d] returns to `x`.

    `x` [N, C, H, W] in [-1, 1] is taken as the state at t = 0 and carried up to alpha_bar = 0, as in `ddim_encode`.
    """
    timesteps = dpm_timesteps(schedule, steps)
    return _solve(model, x, z, schedule, timesteps, begin=float(schedule.alpha_bar[0]), end=0.0)


@torch.inference_mode()
def dpm_decode(model: Denoiser, x_T: Tensor, z: Tensor, *, schedule: Schedule, steps: int) -> Tensor:
    """Return the radiograph x_0 [N, C, H, W] in [-1, 1] that `z` [N, d] and the code `x_T` [N, C, H, W] describe."""
    timesteps = dpm_timesteps(schedule, steps)[::-1]
    return _solve(model, x_T, z, schedule, timesteps, begin=0.0, end=1.0)


def _solve(
    model: Denoiser, x: Tensor, z: Tensor, schedule: Schedule, timesteps: list[int], *, begin: float, end: float
) -> Tensor:
    """Carry the state `x` from alpha_bar = `begin` to `end`, one network evaluation at each of `timesteps`.

    A code x_T begins at alpha_bar = 0, where no network was trained: the first evaluation is made as if it lay at T-1.
    """
    alpha_bars = [*(float(schedule.alpha_bar[t]) for t in timesteps), end]
    log_snr = [_half_log_snr(alpha_bar) for alpha_bar in alpha_bars]
    slope = before = torch.zeros_like(x)  # of the estimate in lambda; unknown in the first step
    for index, t in enumerate(timesteps):
        x0 = estimate_x0(model, x, t, z, alpha_bars[index])
        if index:
            slope = (x0 - before) / (log_snr[index] - log_snr[index - 1])
        mean = (x0 + _mean_lead(log_snr[index + 1] - log_snr[index]) * slope).clamp(-1, 1)
        x = carry(x, mean, alpha_bars[index] if index else begin, alpha_bars[index + 1])
        before = x0
    return x


def _half_log_snr(alpha_bar: float) -> float:
    if alpha_bar in (0.0, 1.0):
        return math.inf if alpha_bar else -math.inf
    return 0.5 * math.log(alpha_bar / (1 - alpha_bar))


def _mean_lead(step: float) -> float:
    """How far ahead of its start, in lambda, the mean over a `step` lies when e^lambda weights it.

    Beyond the schedule's ends, in the steps to alpha_bar = 0 and 1, the last estimate holds, as in DDIM.
    """
    return 0.0 if math.isinf(step) else step / -math.expm1(-step) - 1
