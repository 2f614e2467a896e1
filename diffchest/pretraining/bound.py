"""How many bits a held-out radiograph costs, given its z: the variational bound of Ho et al. 2020.

L = L_T + sum_t L_{t-1} + L_0 (Ho et al. 2020, eq. 5; DiffChest eq. 9) bounds -log2 p(x_0 | z) from above. z, that is
encoder(x_0), is taken as given: its own rate, d float32 numbers, is not counted. L is therefore no bound on
-log2 p(x_0) and not comparable with models that have no such side information.

The reverse steps p(x_{t-1} | x_t, z) are Gaussian with a fixed variance, one of the two of Ho et al. 2020, section 3.2.
Both give valid bounds. "beta" (beta_t) is right where nothing predicts a pixel better than its noised self does: the
tighter one for radiographs with grain. "beta_tilde" is the variance of q(x_{t-1} | x_t, x_0), right where x_t and z
determine x_0; with it a perfect denoiser pays nothing.

The schedule counts t = 0 .. T-1 where Ho et al. count 1 .. T; `t` is the schedule's, the names L_T, L_0 are theirs.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.special import log_ndtr

from diffchest.diffusion.ddim import Denoiser
from diffchest.diffusion.schedule import Schedule
from diffchest.pretraining.heldout import denoised, image_generators, image_noise, signal_to_noise, squared_distance

Variance = Literal["beta", "beta_tilde"]
HALF_BIN = 1 / 255  # of 256 gray levels on [-1, 1]


@dataclass(frozen=True, eq=False)
class VariationalBound:
    """The bound of N images in bits per dimension, by image: arrays [N], of which an interval by patient can be made.

    `prior` is L_T, `diffusion` the sum of L_{t-1}, `reconstruction` L_0.
    """

    prior: np.ndarray
    diffusion: np.ndarray
    reconstruction: np.ndarray

    @property
    def per_image(self) -> np.ndarray:
        """The bound of each image [N], bits per dimension."""
        return self.prior + self.diffusion + self.reconstruction

    @property
    def bits_per_dim(self) -> float:
        """The mean over images."""
        return float(self.per_image.mean())

    @property
    def standard_error(self) -> float:
        """That of `bits_per_dim`, NaN for one image: images as independent draws, the noise drawn for them included."""
        return float(self.per_image.std(ddof=1) / math.sqrt(len(self.prior))) if len(self.prior) > 1 else math.nan


@torch.inference_mode()
def variational_bound(
    model: Denoiser,
    x: Tensor,
    z: Tensor,
    *,
    schedule: Schedule,
    timesteps_per_image: int,
    seed: int,
    batch_size: int,
    variance: Variance = "beta",
) -> VariationalBound:
    """Estimate the bound on -log2 p(x_0 | z) for images `x` [N, C, H, W] and their codes `z` [N, d].

    A dimension is one of the C * H * W numbers: a gray image repeated to three channels is counted three times.
    L_T is exact, L_0 takes one draw of noise. Of the T - 1 terms L_{t-1}, `timesteps_per_image` are drawn per image,
    one per stratum, with the probabilities `term_probabilities`, and weighted so that the estimate is unbiased. The
    draws depend on `seed` and the position of the image, not on `batch_size`.

    Raises `ValueError` if `x` is not uint8 mapped to [-1, 1] by x / 127.5 - 1 (a density has no such bound), and for
    `timesteps_per_image` below 1.
    """
    _check_gray_levels(x)
    if timesteps_per_image < 1:
        raise ValueError(f"timesteps_per_image is {timesteps_per_image}; at least one of the bound's terms is needed")
    sums: list[Tensor] = []
    for first in range(0, len(x), batch_size):
        chosen = slice(first, min(first + batch_size, len(x)))
        generators = image_generators(seed, range(chosen.start, chosen.stop))
        images, codes = x[chosen], z[chosen]
        diffusion = _diffusion_terms(model, images, codes, schedule, variance, timesteps_per_image, generators)
        t = torch.zeros(len(images), dtype=torch.int64, device=x.device)
        mean = denoised(model, schedule.add_noise(images, t, image_noise(generators, images)), t, codes, schedule)
        reconstruction = reconstruction_nll(images, mean, schedule, variance)
        sums.append(torch.stack([prior_kl(images, schedule), diffusion, reconstruction]))
    prior, diffusion, reconstruction = torch.cat(sums, dim=1).numpy() / (x[0].numel() * math.log(2))
    return VariationalBound(prior, diffusion, reconstruction)


def prior_kl(x: Tensor, schedule: Schedule) -> Tensor:
    """Return L_T = KL(q(x_T | x_0) || N(0, I)) of each image `x` [N, C, H, W] in nats: float64 [N]."""
    alpha_bar = schedule.alpha_bar[-1].cpu()
    squares = x.cpu().double().square()
    return (0.5 * (alpha_bar * squares - alpha_bar - torch.log1p(-alpha_bar))).flatten(1).sum(dim=1)


def reverse_variances(schedule: Schedule, variance: Variance) -> Tensor:
    """Return the variance of p(x_{t-1} | x_t, z) for t = 0 .. T-1: float64 [T].

    beta_tilde_t = beta_t (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t) is 0 at t = 0, where the next one stands in for it
    (Nichol & Dhariwal 2021).
    """
    alpha_bar = schedule.alpha_bar.cpu()
    before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])
    beta = 1 - alpha_bar / before
    if variance == "beta":
        return beta
    beta_tilde = beta * (1 - before) / (1 - alpha_bar)
    return torch.cat([beta_tilde[1:2], beta_tilde[1:]])


def diffusion_kl(x: Tensor, estimate: Tensor, t: Tensor, schedule: Schedule, variance: Variance) -> Tensor:
    """Return KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t, z)) of each image in nats: float64 [N], for `t` [N] >= 1.

    `estimate` [N, C, H, W] is the x_0 that the mean of p is made of. With r = beta_tilde_t / variance, a dimension
    costs (r - 1 - log r) / 2 + r (SNR_{t-1} - SNR_t) / 2 * (x_0 - estimate)^2 (Ho et al. 2020, eq. 8; Kingma et al.
    2021).
    """
    snr, t = signal_to_noise(schedule).cpu(), t.cpu()
    ratio = reverse_variances(schedule, "beta_tilde")[t] / reverse_variances(schedule, variance)[t]
    spread = 0.5 * (ratio - 1 - ratio.log()) * x[0].numel()
    return spread + 0.5 * ratio * (snr[t - 1] - snr[t]) * squared_distance(x, estimate)


def reconstruction_nll(x: Tensor, mean: Tensor, schedule: Schedule, variance: Variance) -> Tensor:
    """Return L_0 = -log p(x_0 | x_1) of each image `x` [N, C, H, W] in nats: float64 [N].

    p is a Gaussian around `mean`, the estimate of x_0, integrated over each of the 256 gray levels, the two outermost
    open-ended (Ho et al. 2020, eq. 13).
    """
    sd = math.sqrt(reverse_variances(schedule, variance)[0])
    return -discretised_gaussian(x, mean, sd).flatten(1).sum(dim=1)


def discretised_gaussian(x: Tensor, mean: Tensor, sd: float) -> Tensor:
    """Return the log probability of gray levels `x` in [-1, 1] under N(`mean`, `sd`^2), in nats, float64.

    Exact to the far tails, where the difference of two normal distribution functions would be 0.
    """
    x, mean = x.cpu().double(), mean.cpu().double()
    distance = (x - mean).abs()
    upper, lower = log_ndtr((HALF_BIN - distance) / sd), log_ndtr((-HALF_BIN - distance) / sd)
    inside = upper + torch.log1p(-(lower - upper).exp())
    inside = torch.where(x < HALF_BIN - 1, log_ndtr((x + HALF_BIN - mean) / sd), inside)
    return torch.where(x > 1 - HALF_BIN, log_ndtr((mean - x + HALF_BIN) / sd), inside)


def term_probabilities(schedule: Schedule) -> Tensor:
    """Return with which probabilities [T - 1] the terms t = 1 .. T-1 are drawn: proportional to their log-SNR steps.

    A term is about half its log-SNR step times the squared error in epsilon, which varies little, so that terms
    weighted by 1 / probability are nearly equal.
    """
    steps = -signal_to_noise(schedule).cpu().log().diff()
    return steps / steps.sum()


def _diffusion_terms(
    model: Denoiser,
    x: Tensor,
    z: Tensor,
    schedule: Schedule,
    variance: Variance,
    draws: int,
    generators: list[torch.Generator],
) -> Tensor:
    """Estimate sum_t L_{t-1} of each image in nats, float64 [N], from one term of each of `draws` equal strata."""
    probabilities = term_probabilities(schedule)
    uniform = torch.stack([torch.rand(draws, generator=generator, dtype=torch.float64) for generator in generators])
    quantiles = (torch.arange(draws) + uniform) / draws
    terms = torch.searchsorted(probabilities.cumsum(0), quantiles).clamp(max=len(probabilities) - 1)
    total = torch.zeros(len(x), dtype=torch.float64)
    for term in terms.T:
        t = (term + 1).to(x.device)
        estimate = denoised(model, schedule.add_noise(x, t, image_noise(generators, x)), t, z, schedule)
        total += diffusion_kl(x, estimate, t, schedule, variance) / (draws * probabilities[term])
    return total


def _check_gray_levels(x: Tensor) -> None:
    levels = (x.cpu().double() + 1) * 127.5
    off = (levels - levels.round().clamp(0, 255)).abs().max().item()
    if not off <= 1e-3:  # NaN too
        raise ValueError(f"x is up to {off:.3g} gray levels off uint8 / 127.5 - 1; give the stored pictures unchanged")
