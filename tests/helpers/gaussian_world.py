"""A world where every denoiser and every information has a closed form: x_0 ~ N(0, diag(v)), z = A x_0 + noise."""

import numpy as np
import torch

from diffchest.diffusion.objective import target
from diffchest.diffusion.schedule import Prediction, linear_schedule, to_epsilon

SCHEDULE = linear_schedule()
ALPHA_BAR = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))  # Ho et al. 2020, apart from the code under test
SNR = ALPHA_BAR / (1 - ALPHA_BAR)


class GaussianWorld:
    """The optimal denoiser of images [N, 1, 2, 2], E[x_0 | x_t, z]; where `z` is NaN, E[x_0 | x_t].

    `encode` answers `A x`, or NaN where `reveals` is False: "unknown", so that re-encoding gives E[x_0 | x_t] exactly.
    """

    def __init__(self, prediction: Prediction = "v", noise=0.05, mixing=None, reveals=False):
        self.prediction: Prediction = prediction
        self.reveals = reveals
        self.variance = np.array([0.04, 0.02, 0.01, 0.03])
        self.mixing = np.array([[1.0, 0.5, 0.0, -0.3], [0.2, -1.0, 0.7, 0.1]]) if mixing is None else mixing
        self.noise = noise  # standard deviation
        self.evidence = self.mixing.T @ self.mixing / noise**2
        self.posterior = np.linalg.inv(np.diag(1 / self.variance) + self.evidence)  # of x_0 given z

    def draw(self, number, seed=0):
        """x [N, 1, 2, 2] and z [N, 2], both float32."""
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((number, 4)) * np.sqrt(self.variance)
        z = x @ self.mixing.T + self.noise * rng.standard_normal((number, 2))
        return torch.tensor(x, dtype=torch.float32).view(-1, 1, 2, 2), torch.tensor(z, dtype=torch.float32)

    def gains(self, snr, alpha_bar, informed=True):
        """x_0's estimate is G z + H x_t."""
        evidence = self.evidence if informed else 0
        precision = np.diag(1 / self.variance) + evidence + snr * np.eye(4)
        inverse = np.linalg.inv(precision)
        return inverse @ self.mixing.T / self.noise**2, inverse * np.sqrt(alpha_bar) / (1 - alpha_bar)

    def encode(self, x):
        z = x.flatten(1) @ torch.tensor(self.mixing.T, dtype=torch.float32)
        return z if self.reveals else torch.full_like(z, torch.nan)

    def predict(self, x_t, t, z):
        known = not bool(z.isnan().any())
        x0 = torch.empty_like(x_t)
        for step in t.unique().tolist():
            G, H = self.gains(SNR[step], ALPHA_BAR[step], known)
            rows = t == step
            estimate = x_t[rows].flatten(1).double().numpy() @ H.T
            if known:
                estimate += z[rows].double().numpy() @ G.T
            x0[rows] = torch.tensor(estimate, dtype=torch.float32).view(-1, 1, 2, 2)
        signal, sigma = SCHEDULE.signal_and_noise(t)
        return target(x0, to_epsilon(x0, x_t, signal, sigma), signal, sigma, self.prediction)

    def information(self, snr=None):
        """I(z; x_s) in nats at SNR `snr`; None: I(z; x_0)."""
        if snr is None:
            ratio = np.eye(2) + self.mixing @ np.diag(self.variance) @ self.mixing.T / self.noise**2
            return 0.5 * np.linalg.slogdet(ratio)[1]
        prior, posterior = np.eye(4) + snr * np.diag(self.variance), np.eye(4) + snr * self.posterior
        return 0.5 * (np.linalg.slogdet(prior)[1] - np.linalg.slogdet(posterior)[1])


class Gaussian:
    """The optimal denoiser of pixels ~ N(mean, variance), in closed form."""

    def __init__(self, prediction, mean=0.1, variance=0.01):
        self.prediction, self.mean, self.variance = prediction, mean, variance

    def predict(self, x_t, t, z):
        signal, sigma = SCHEDULE.signal_and_noise(t)
        gain = signal * self.variance / (signal**2 * self.variance + sigma**2)
        x0 = self.mean + gain * (x_t - signal * self.mean)
        epsilon = to_epsilon(x0, x_t, signal, sigma)
        return target(x0, epsilon, signal, sigma, self.prediction)

    def __call__(self, x, x_t, t):
        return self.predict(x_t, t, None)
