import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffchest.diffusion.ddim import ddim_decode, ddim_encode, ddim_timesteps
from diffchest.diffusion.schedule import linear_schedule
from tests.helpers.gaussian_world import Gaussian

SCHEDULE = linear_schedule()


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
