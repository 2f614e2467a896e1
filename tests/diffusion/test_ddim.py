import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffchest.diffusion.ddim import ddim_decode, ddim_encode, ddim_timesteps
from diffchest.diffusion.objective import denoising_errors, target
from diffchest.diffusion.schedule import linear_schedule, to_epsilon, to_x0

SCHEDULE = linear_schedule()


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


def test_schedule_is_that_of_ho_et_al():
    betas = np.linspace(1e-4, 0.02, 1000)
    np.testing.assert_allclose(SCHEDULE.alpha_bar.numpy(), np.cumprod(1 - betas), rtol=1e-12)
    assert SCHEDULE.timesteps == 1000


def test_noise_has_the_schedules_moments():
    x = torch.full((20_000, 1, 1, 1), 0.5)
    t = torch.full((20_000,), 300)
    x_t = SCHEDULE.add_noise(x, t, torch.randn(x.shape, generator=torch.Generator().manual_seed(0)))
    alpha_bar = SCHEDULE.alpha_bar[300].item()
    assert x_t.mean().item() == pytest.approx(0.5 * math.sqrt(alpha_bar), abs=0.03)
    assert x_t.var().item() == pytest.approx(1 - alpha_bar, rel=0.05)


@given(t=st.integers(0, 999), seed=st.integers(0, 2**31), prediction=st.sampled_from(["epsilon", "v"]))
def test_a_perfect_prediction_gives_x0_and_epsilon_back(t, seed, prediction):
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, 2, 1, 4, 4, generator=generator, dtype=torch.float64)
    signal, sigma = (part.double() for part in SCHEDULE.signal_and_noise(torch.tensor([t, t])))
    x_t = signal * x + sigma * noise
    x0 = to_x0(target(x, noise, signal, sigma, prediction), x_t, signal, sigma, prediction)
    scale = 1 / signal.min().item()  # epsilon at high noise says little about x_0
    assert torch.allclose(x0, x, atol=1e-6 * scale)
    assert torch.allclose(to_epsilon(x, x_t, signal, sigma), noise, atol=1e-4)


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_loss_of_the_optimal_denoiser_is_its_posterior_variance(prediction):
    model, t = Gaussian(prediction, variance=0.04), 400
    generator = torch.Generator().manual_seed(0)
    x = 0.1 + 0.2 * torch.randn(20_000, 1, 1, 1, generator=generator)
    errors = denoising_errors(
        model,
        x,
        torch.full((20_000,), t),
        torch.randn(x.shape, generator=generator),
        schedule=SCHEDULE,
        prediction=prediction,
    )
    a = SCHEDULE.alpha_bar[t].item()
    posterior = 0.04 * (1 - a) / (a * 0.04 + 1 - a)
    expected = posterior * (a / (1 - a) if prediction == "epsilon" else 1 / (1 - a))
    assert errors.mean().item() == pytest.approx(expected, rel=0.03)


@given(st.integers(1, 1000))
def test_ddim_stride_is_the_smallest_that_gives_the_steps(steps):
    strides = [s for s in range(1, 1001) if math.ceil(1000 / s) == steps]
    if strides:
        assert ddim_timesteps(1000, steps) == range(0, 1000, min(strides))
    else:
        with pytest.raises(ValueError, match=f"{steps} DDIM steps"):
            ddim_timesteps(1000, steps)


@pytest.mark.parametrize("steps", [0, -1, 1001, 600])
def test_impossible_steps_are_named(steps):
    with pytest.raises(ValueError, match="use"):
        ddim_timesteps(1000, steps)


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_ddim_maps_between_the_image_and_noise_distributions(prediction):
    """For Gaussian pixels the probability flow is linear: x_T is the standardised image."""
    model, z = Gaussian(prediction, variance=0.04), torch.zeros(1, 1)
    x = torch.linspace(-0.5, 0.7, 7).view(1, 1, 1, 7)
    x_T = ddim_encode(model, x, z, schedule=SCHEDULE, steps=500)
    assert torch.allclose(x_T, (x - 0.1) / 0.2, rtol=0.03, atol=0.01)
    assert torch.allclose(ddim_decode(model, x_T, z, schedule=SCHEDULE, steps=500), x, rtol=0.03, atol=0.01)


def test_x0_is_clamped_at_every_step():
    model = Gaussian("epsilon", mean=5.0)
    x = ddim_decode(model, torch.zeros(1, 1, 2, 2), torch.zeros(1, 1), schedule=SCHEDULE, steps=10)
    assert torch.equal(x, torch.ones_like(x))
