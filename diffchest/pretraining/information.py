"""How much z tells about the radiograph: from how much better an image is denoised with its own z.

I-MMSE (Guo et al. 2005; Kong et al. 2023, "Information-Theoretic Diffusion"): with x_s = sqrt(s) x_0 + noise, SNR s,

    I(z; x_0) = 1/2 integral over s from 0 to infinity of [mmse(x_0 | x_s) - mmse(x_0 | x_s, z)] ds,   in nats,

mmse being the squared error of the conditional mean, summed over the image. From s_0 to s_1 the integral is
I(z; x_{s_1}) - I(z; x_{s_0}). The schedule's range thus leaves out what z tells of the image under its most noise (at
most s_0 / 2 times the images' total variance) and of details below its least noise; neither is negative.

The true I(z; x_0) is the entropy of z, a function of a uint8 image; with continuous pixels it would be infinite.
Without assumptions, no lower bound from N images can exceed about log N (McAllester & Stratos 2020). Hence two numbers:

* The *estimate* puts a network in the place of both conditional means. It is NOT a lower bound. The network's error
  with the own z is >= mmse(x_0 | x_s, z), which lowers it. The error of any predictor that does not see the own z is
  >= mmse(x_0 | x_s), which raises it: by half the integral of the excess. With another image's z in the place of none
  that excess is most of the difference, for a wrong z misleads. The estimate therefore takes, at each level, the best
  of several predictors that see x_s and no own z (`references`). Were that E[x_0 | x_s], the estimate would be a lower
  bound, up to the error of the trapezoid; as it is, a better reference can only bring it down.
* *InfoNCE* (van den Oord et al. 2018) IS a lower bound on I(z; x_0), in expectation and whatever the network, but
  cannot exceed log(others + 1), the ceiling. It needs the images to be independent draws (one a patient) on which
  neither the network was trained nor any setting chosen. The noise, drawn apart from z, adds nothing to what it bounds.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from scipy.special import logsumexp
from torch import Tensor

from diffchest.diffusion.ddim import Denoiser
from diffchest.diffusion.schedule import Schedule
from diffchest.pretraining.heldout import denoised, image_generators, image_noise, signal_to_noise, squared_distance

CURVE = ["log_snr", "mse_own", "mse_other", "mse_average", "mse_reencoded", "mse_reference"]


class Autoencoder(Denoiser, Protocol):
    """What the measurement needs of a model."""

    def encode(self, x: Tensor) -> Tensor:
        """Return z [N, d] of `x` [N, C, H, W] in [-1, 1]."""
        ...


@dataclass(frozen=True, eq=False)
class Information:
    """Information of z about the image, in nats, by image: arrays [N], of which an interval by patient can be made.

    `estimate` and `infonce` are the two numbers that the module describes; `ceiling` is the most `infonce` can be.
    `curve` has a row per noise level: log_snr, and mean squared errors per dimension with the own z (mse_own), the z of
    another image (mse_other), and by the first, the last and the best of the `references` (mse_average, mse_reencoded,
    mse_reference).
    """

    estimate: np.ndarray
    infonce: np.ndarray
    ceiling: float
    curve: pd.DataFrame

    def summary(self) -> dict[str, float]:
        """Return the means over images in nats and bits, their standard errors, and the ceiling.

        The errors take images as independent, which they nearly are: one serves others with its z.
        """
        values: dict[str, float] = {}
        for name, nats in (("estimate", self.estimate), ("infonce", self.infonce)):
            error = nats.std(ddof=1) / math.sqrt(len(nats))
            for unit, size in (("nats", 1.0), ("bits", math.log(2))):
                values |= {f"{name}_{unit}": float(nats.mean() / size), f"{name}_{unit}_se": float(error / size)}
        return values | {"ceiling_nats": self.ceiling, "ceiling_bits": self.ceiling / math.log(2)}


@torch.inference_mode()
def information(
    model: Autoencoder,
    x: Tensor,
    z: Tensor,
    *,
    schedule: Schedule,
    levels: int,
    others: int,
    reencodings: int,
    seed: int,
    batch_size: int,
) -> Information:
    """Measure how much `z` [N, d] = encode(x) tells about held-out images `x` [N, C, H, W] in [-1, 1], one a patient.

    Each image is noised once at each of about `levels` timesteps (`level_timesteps`) and denoised with its own z, with
    those of `others` other images, and by `reencodings` of the `references`: N * levels * (1 + others + reencodings)
    passes, all with the same noise, so that their differences are less noisy. Integrals are trapezoids in log-SNR. The
    critic of InfoNCE is f(x_0, z) = -1/2 integral of |x_0 - denoised(x_s, z)|^2 ds: log p(x_0 | z) up to a constant
    (Kong et al. 2023), as far as the network knows. The draws depend on `seed` and the position of the image, not on
    `batch_size`.

    Raises `ValueError` unless 1 <= `others` < N and `levels` >= 2.
    """
    timesteps = level_timesteps(schedule, levels)
    partners = other_images(len(x), others, seed)
    conditioned, blind = [], []
    for first in range(0, len(x), batch_size):
        chosen = slice(first, min(first + batch_size, len(x)))
        generators = image_generators(seed, range(chosen.start, chosen.stop))
        codes = [z[chosen], *(z[column] for column in partners[chosen].T.to(z.device))]
        distances = [_distances(model, x[chosen], codes, int(t), schedule, reencodings, generators) for t in timesteps]
        conditioned.append(np.stack([with_z for with_z, _ in distances]))
        blind.append(np.stack([without for _, without in distances]))
    snr = signal_to_noise(schedule).cpu()[timesteps].numpy()
    return _summarise(np.concatenate(conditioned, axis=2), np.concatenate(blind, axis=2), snr, x[0].numel())


def level_timesteps(schedule: Schedule, levels: int) -> Tensor:
    """Return the timesteps nearest to `levels` equal steps of log-SNR from end to end of the schedule, falling: int64.

    They are fewer than `levels` where its own steps are coarser. Raises `ValueError` for `levels` below 2.
    """
    if levels < 2:
        raise ValueError(f"levels is {levels}; an integral over log-SNR needs at least its 2 ends")
    log_snr = signal_to_noise(schedule).cpu().log()
    grid = torch.linspace(float(log_snr[-1]), float(log_snr[0]), levels, dtype=torch.float64)
    return (log_snr - grid[:, None]).abs().argmin(dim=1).unique().flip(0)


def other_images(images: int, others: int, seed: int) -> Tensor:
    """Return, for each of N images, the positions of `others` different other ones: int64 [N, others], random.

    Raises `ValueError` unless 1 <= `others` < `images`.
    """
    if not 1 <= others < images:
        raise ValueError(f"others is {others}; of {images} images each has {images - 1} others, and needs at least one")
    rng = np.random.default_rng(seed)
    shifts = np.stack([rng.permutation(np.arange(1, images))[:others] for _ in range(images)])
    return torch.from_numpy((np.arange(images)[:, None] + shifts) % images)


def references(
    model: Autoencoder, average: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule, reencodings: int
) -> list[Tensor]:
    """Return 1 + `reencodings` estimates of x_0 [N, C, H, W] from `x_t` alone, the first being `average`.

    `average` is the mean estimate over the z of other images: z marginalised with its prior, good at high noise, where
    x_t says nothing of z (with m others, its error is too high by 1/m of what z explains). Each next one takes the code
    of the one before for the unknown z: good at low noise, where x_t shows what z would say.
    """
    estimates = [average]
    for _ in range(reencodings):
        estimates.append(denoised(model, x_t, t, model.encode(estimates[-1]), schedule))
    return estimates


def _distances(
    model: Autoencoder,
    x: Tensor,
    codes: list[Tensor],
    timestep: int,
    schedule: Schedule,
    reencodings: int,
    generators: list[torch.Generator],
) -> tuple[np.ndarray, np.ndarray]:
    """Return |x_0 - estimate|^2 at one noise level for each of K `codes`, the own first, [K, N], and without [R, N]."""
    t = torch.full((len(x),), timestep, device=x.device)
    x_t = schedule.add_noise(x, t, image_noise(generators, x))
    total, distances = torch.zeros_like(x), []
    for position, code in enumerate(codes):
        estimate = denoised(model, x_t, t, code, schedule)
        distances.append(squared_distance(x, estimate).numpy())
        if position > 0:
            total += estimate
    blind = references(model, total / (len(codes) - 1), x_t, t, schedule, reencodings)
    return np.stack(distances), np.stack([squared_distance(x, estimate).numpy() for estimate in blind])


def _summarise(conditioned: np.ndarray, blind: np.ndarray, snr: np.ndarray, dimensions: int) -> Information:
    """Integrate squared distances [levels, K, N] with the own z first, and [levels, R, N] without, over `snr` [levels].

    The reference is chosen level by level by its mean over these images; the choice errs low, and the estimate with it.
    """
    log_snr = np.log(snr)
    critic = -0.5 * np.trapezoid(snr[:, None, None] * conditioned, log_snr, axis=0)
    ceiling = math.log(len(critic))
    best = blind.mean(axis=2).argmin(axis=1)
    reference = blind[np.arange(len(snr)), best]
    curve = pd.DataFrame(
        {
            "log_snr": log_snr,
            "mse_own": conditioned[:, 0].mean(axis=1) / dimensions,
            "mse_other": conditioned[:, 1:].mean(axis=(1, 2)) / dimensions,
            "mse_average": blind[:, 0].mean(axis=1) / dimensions,
            "mse_reencoded": blind[:, -1].mean(axis=1) / dimensions,
            "mse_reference": reference.mean(axis=1) / dimensions,
        },
        columns=CURVE,
    )
    return Information(
        estimate=0.5 * np.trapezoid(snr[:, None] * (reference - conditioned[:, 0]), log_snr, axis=0),
        infonce=critic[0] - logsumexp(critic, axis=0) + ceiling,
        ceiling=ceiling,
        curve=curve,
    )
