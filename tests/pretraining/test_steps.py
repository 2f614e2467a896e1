"""One step: what is drawn, and the gradient."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from scipy import stats

from diffchest.compute.processes import ALONE, Processes
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.pretraining.order import micro_batches
from diffchest.pretraining.state import TrainingState
from diffchest.pretraining.steps import Network, accumulate_gradient, draws
from tests.helpers.tiny import tiny_params


def test_accumulated_gradients_are_those_of_the_whole_batch():
    params, gray, batch = tiny_params(), torch.rand(12, 1, 16, 16), range(40, 52)
    torch.manual_seed(0)
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size)
    torch.nn.init.normal_(model.unet.conv.weight)  # zero at the start, and with it most gradients
    gradients, totals = [], []
    for size in (None, 5):
        model.zero_grad()
        parts = [(part, gray[part.start - 40 : part.stop - 40]) for part in micro_batches(batch, size, 0, 1)]
        state, network = TrainingState(model, params.pretrain), Network(model, nullcontext)
        totals.append(accumulate_gradient(network, state, batch, parts, ALONE))
        gradients.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(*totals)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=5e-6)


def test_draws_are_uniform_normal_and_depend_on_the_number_alone():
    settings = tiny_params(pretrain={"horizontal_flip": 0.25}).pretrain
    x = torch.zeros(4000, 1, 4, 4)
    t, noise, flipped = draws(settings, range(4000), x, 100)
    assert stats.chisquare(np.bincount(t, minlength=100)).pvalue > 1e-3
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-3
    assert flipped.float().mean().item() == pytest.approx(0.25, abs=0.03)
    again = draws(settings, range(1000, 1010), x[:10], 100)
    assert all(torch.equal(ours, whole[1000:1010]) for ours, whole in zip(again, (t, noise, flipped), strict=True))


def test_a_process_without_a_part_has_a_gradient_of_zero_for_every_weight():
    """The others wait for it; weights without a gradient would keep them waiting."""
    params = tiny_params()
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size)
    state, network = TrainingState(model, params.pretrain), Network(model, nullcontext)
    assert accumulate_gradient(network, state, range(16), [], Processes(rank=1, count=2)) == 0
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in model.parameters())
