"""FLOPs against closed forms, memory against what the CPU's own allocator says."""

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from diffchest.cost import counting
from diffchest.cost.counting import (
    STATE_BYTES,
    denoising_pass,
    network,
    parameters,
    step_bytes_by_number,
    training_pass,
)
from diffchest.diffusion.objective import denoising_errors
from diffchest.model.activation_checkpointing import checkpoint_activations
from tests.helpers.networks import build
from tests.helpers.tiny import tiny_params


def test_flops_of_a_convolution_are_those_of_the_closed_form():
    convolution = nn.Conv2d(5, 7, 3, padding=1, device="meta")
    x = torch.empty(2, 5, 11, 13, device="meta", requires_grad=True)
    forward = 2 * 2 * 7 * 11 * 13 * 5 * 3 * 3  # multiplications and additions, images, outputs, inputs of each
    assert counting._counted(lambda: convolution(x), gradients=False).flops == forward
    assert counting._counted(lambda: convolution(x).sum().backward()).flops == 3 * forward


def test_a_step_has_thrice_the_flops_of_its_passes_but_for_the_images_gradient():
    params = tiny_params()
    forward = counting.encoder_pass(params, 1).flops + denoising_pass(params, 1).flops
    # of the first convolutions no gradient of the input is asked for
    assert 2.8 * forward < training_pass(params, 1).flops < 3 * forward


def test_parameters_are_those_of_the_network():
    assert parameters(network(tiny_params())) == sum(weight.numel() for weight in build().parameters())


@pytest.mark.parametrize(("checkpointing", "within"), [(False, 0.1), (True, 0.2)])
@pytest.mark.parametrize("number", [3, 24])
def test_the_peak_is_what_the_allocator_says(number, checkpointing, within):
    """As the profiler sees it: every allocation of the CPU, in a step with data."""
    params = tiny_params(size=32, base_channels=16, dropout=0.1, pretrain={"activation_checkpointing": checkpointing})
    model = build(size=32, base_channels=16, dropout=0.1).train()
    if checkpointing:
        checkpoint_activations(model)
    x, noise = torch.rand(2, number, 1, 32, 32)
    t = torch.arange(number) % 100

    def step():
        errors = denoising_errors(model, x, t, noise, schedule=model.schedule, prediction=model.prediction)
        errors.sum().backward()

    step()
    model.zero_grad(set_to_none=True)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
    events = profiled.profiler.kineto_results.events()
    alive = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            alive += event.nbytes()
            peak = max(peak, alive)
    assert training_pass(params, number).peak_bytes == pytest.approx(peak, rel=within)


def test_bytes_by_number_are_those_of_each_number_counted():
    params = tiny_params(size=32)
    found = step_bytes_by_number(params, (2, 5, 40), "fp32")
    weights = STATE_BYTES * parameters(network(params))
    assert found == {number: weights + training_pass(params, number).peak_bytes for number in (2, 5, 40)}


def test_half_precision_and_checkpointing_take_less():
    params = tiny_params(size=32)
    fewer = tiny_params(size=32, pretrain={"activation_checkpointing": True})
    full = training_pass(params, 32).peak_bytes
    assert training_pass(params, 32, "bf16").peak_bytes < full
    assert training_pass(fewer, 32).peak_bytes < 0.75 * full
    assert training_pass(fewer, 32, "bf16").peak_bytes < training_pass(fewer, 32).peak_bytes
    assert training_pass(fewer, 32).flops > 1.15 * training_pass(params, 32).flops
