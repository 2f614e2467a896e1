"""The noise schedule."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffchest.diffusion.objective import target
from diffchest.diffusion.schedule import linear_schedule, to_epsilon, to_x0

SCHEDULE = linear_schedule()


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
