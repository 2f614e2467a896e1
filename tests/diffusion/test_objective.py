"""The denoising loss."""

import pytest
import torch

from diffchest.diffusion.objective import denoising_errors
from diffchest.diffusion.schedule import linear_schedule
from tests.helpers.gaussian_world import Gaussian

SCHEDULE = linear_schedule()


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
