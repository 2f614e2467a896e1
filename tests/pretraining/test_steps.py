"""One step: what is drawn, and the gradient."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from scipy import stats
from torch.utils._python_dispatch import TorchDispatchMode

from diffchest.compute.processes import ALONE, Processes
from diffchest.compute.threads import Threads
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.pretraining.order import micro_batches
from diffchest.pretraining.state import TrainingState
from diffchest.pretraining.steps import Network, accumulate_gradient, draws, trained_network, training_errors
from tests.helpers.tiny import tiny_params


def test_accumulated_gradients_are_those_of_the_whole_batch():
    params, batch = tiny_params(), range(40, 60)
    gray = torch.randint(256, (20, 1, 16, 16), dtype=torch.uint8)
    torch.manual_seed(0)
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size)
    torch.nn.init.normal_(model.unet.conv.weight)  # zero at the start, and with it most gradients
    gradients, totals = [], []
    for size, threads in ((None, None), (5, None), (None, Threads(2)), (10, Threads(2))):
        model.zero_grad()
        parts = [(part, gray[part.start - 40 : part.stop - 40]) for part in micro_batches(batch, size, 0, 1)]
        state, network = TrainingState(model, params.pretrain), Network(model, nullcontext, threads)
        totals.append(accumulate_gradient(network, state, batch, parts, ALONE))
        gradients.append([parameter.grad for parameter in model.parameters()])
    for total, gradient in zip(totals[1:], gradients[1:], strict=True):
        torch.testing.assert_close(total, totals[0])
        torch.testing.assert_close(gradient, gradients[0], rtol=1e-3, atol=5e-6)


def test_the_gradient_has_the_same_bytes_for_any_number_of_threads():
    """Slices are the same, and are added up in the same order; 40 images: two slices of 16 and one of 8."""
    params, batch = tiny_params(pretrain={"horizontal_flip": 0.5}), range(40)
    gray = torch.randint(256, (40, 1, 16, 16), dtype=torch.uint8)
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size)
    torch.nn.init.normal_(model.unet.conv.weight)
    before, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            state, network = TrainingState(model, params.pretrain), Network(model, nullcontext, Threads(3))
            assert network.threads.count == count
            total = accumulate_gradient(network, state, batch, [(batch, gray)], ALONE)
            found.append([total, *(parameter.grad.clone() for parameter in model.parameters())])
    finally:
        torch.set_num_threads(before)
    for others in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found[0], others, strict=True))


@pytest.mark.parametrize(
    ("changes", "pretrain", "allowed", "in_slices"),
    [
        ({}, {}, 2, True),
        ({}, {}, 1, False),
        ({}, {"batch_size": 16}, 2, False),
        ({"dropout": 0.1}, {}, 2, False),
        ({}, {"compile": True}, 2, False),
    ],
)
def test_a_cpu_takes_slices_where_nothing_is_drawn_on_the_way(changes, pretrain, allowed, in_slices, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda module: module)
    monkeypatch.setattr(torch, "get_num_threads", lambda: allowed)
    params = tiny_params(**changes, pretrain={"batch_size": 32} | pretrain)
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size)
    assert (trained_network(model, params.pretrain, ALONE).threads is not None) == in_slices


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


@pytest.mark.parametrize("processes", [5, 8, 12])
def test_more_processes_than_four_share_the_papers_batch_and_its_gradient(processes):
    """12 images in parts of 1: some processes take one more. Dropout belongs to the parts, so the gradient is the same."""
    params, batch = tiny_params(dropout=0.1, pretrain={"horizontal_flip": 0.5}), range(24, 36)
    pixels = torch.randint(256, (12, 1, 16, 16), dtype=torch.uint8)
    torch.manual_seed(0)
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size)
    torch.nn.init.normal_(model.unet.conv.weight)
    state, network, shares = TrainingState(model, params.pretrain), Network(model, nullcontext), []

    def gradient(ranks: int) -> list[torch.Tensor]:
        model.zero_grad()
        shares.clear()
        for rank in range(ranks):
            parts = [(part, pixels[part.start - 24 : part.stop - 24]) for part in micro_batches(batch, 1, rank, ranks)]
            shares.append(len(parts))
            accumulate_gradient(network, state, batch, parts, Processes(rank, ranks))
        found = [parameter.grad for parameter in model.parameters()]
        return [gradient / ranks for gradient in found if gradient is not None]  # processes average

    alone = [part.clone() for part in gradient(1)]
    torch.testing.assert_close(gradient(processes), alone, rtol=1e-3, atol=5e-6)
    assert shares == {5: [3, 3, 2, 2, 2], 8: [2] * 4 + [1] * 4, 12: [1] * 12}[processes]


class Sent(TorchDispatchMode):
    """What goes to another device: type, shape, and whether the program waits. (Reading from it fails on `meta`.)"""

    def __init__(self) -> None:
        super().__init__()
        self.copies: list[tuple[torch.dtype, tuple[int, ...], bool]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        source = args[0] if args and isinstance(args[0], torch.Tensor) else None
        if source is not None and source.device.type == "cpu" and isinstance(out, torch.Tensor) and out.is_meta:
            self.copies.append((source.dtype, tuple(source.shape), not (kwargs or {}).get("non_blocking", False)))
        return out


def test_a_micro_batch_sends_bytes_and_draws_and_waits_for_nothing(monkeypatch):
    """The device is `meta`, which holds no values: what waited for one, such as `item`, would fail."""
    params = tiny_params(dropout=0.1, pretrain={"horizontal_flip": 0.5})
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size).to("meta")
    generator = torch.Generator()
    monkeypatch.setattr(torch, "Generator", lambda device: generator)  # `meta` has none
    monkeypatch.setattr("diffchest.pretraining.steps.autocast", lambda device, settings: nullcontext())  # nor that
    pixels = torch.zeros(4, 1, 16, 16, dtype=torch.uint8)
    sent = []
    for _ in range(2):  # the schedule is sent with the first
        with Sent() as mode:
            training_errors(Network(model, nullcontext), model, pixels, range(4), params.pretrain).sum().backward()
        sent.append(mode.copies)
    assert sent[1] == [(torch.uint8, (4, 1, 16, 16), False), (torch.int64, (2, 4), False)]
    assert len(sent[0]) == 4
