"""Where training starts, and one step: what is drawn for an image, its error, a batch's gradient over all processes."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from diffchest.compute.processes import Processes
from diffchest.compute.threads import Threads
from diffchest.diffusion.objective import SelfConditioned, denoising_errors
from diffchest.model.activation_checkpointing import checkpoint_activations
from diffchest.model.autoencoder import DiffusionAutoencoder, place
from diffchest.params.network import DiffusionParams, ModelParams
from diffchest.params.pretraining import PretrainParams
from diffchest.pretraining.images import shown_on
from diffchest.pretraining.order import DROPOUT_STREAM, IMAGE_STREAM, stream_seed
from diffchest.pretraining.state import TrainingState

SLICE = 16  # images that a thread of a CPU takes at a time; with fewer, calls cost more than they compute
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
MicroBatches = list[tuple[range, Tensor]]  # numbers of the images, and these as uint8 [N, 1, H, W]


@dataclass(frozen=True)
class Network:
    """The model as it is trained: its pass, where gradients are not yet averaged over processes, threads of a CPU."""

    forward: SelfConditioned
    no_sync: Callable[[], AbstractContextManager[Any]]
    threads: Threads | None = None  # each takes slices of a batch; None: the operations divide themselves


def initial_state(
    model: ModelParams, diffusion: DiffusionParams, settings: PretrainParams, *, image_size: int, device: torch.device
) -> TrainingState:
    """Return the state before the first image: weights drawn by `pretrain.seed`."""
    torch.manual_seed(settings.seed)
    return TrainingState(place(DiffusionAutoencoder(model, diffusion, image_size), device), settings)


def trained_network(model: DiffusionAutoencoder, settings: PretrainParams, processes: Processes) -> Network:
    """Return the model: gradients averaged over processes, checkpointed activations, compiled, each where asked for."""
    if settings.activation_checkpointing:
        checkpoint_activations(model)
    forward, no_sync = model, nullcontext
    if processes.count > 1:
        devices = [model.device] if model.device.type == "cuda" else None
        forward = DistributedDataParallel(model, device_ids=devices, gradient_as_bucket_view=True)
        no_sync = forward.no_sync
    return Network(
        torch.compile(forward) if settings.compile else forward, no_sync, _threads(model, settings, processes)
    )


def _threads(model: DiffusionAutoencoder, settings: PretrainParams, processes: Processes) -> Threads | None:
    """The threads that take slices of a batch: several of a CPU, where none waits for the other on the way."""
    # dropout draws from one stream, one image after the other
    together = processes.count > 1 or settings.compile or model.params.dropout
    if together or model.device.type != "cpu":
        return None
    threads = Threads(most=-(-settings.batch_size // SLICE))
    return threads if threads.count > 1 else None


def accumulate_gradient(
    network: Network, state: TrainingState, batch: range, parts: MicroBatches, processes: Processes
) -> Tensor:
    """Add up the gradient of the mean error of `batch`, of which this process takes `parts`; return their errors' sum.

    A process without a part takes one image for nothing, since the others wait for its gradient.
    """
    model, settings = state.model, state.settings
    weight = processes.count / len(batch)  # processes average their gradients
    if not parts:
        parts, weight = [(batch[:1], torch.zeros(1, 1, model.image_size, model.image_size, dtype=torch.uint8))], 0.0
    if network.threads is not None:
        return _accumulate_in_slices(network, network.threads, state, parts, weight)
    total = torch.zeros((), device=model.device)
    for number, (shown, gray) in enumerate(parts):
        last = number == len(parts) - 1
        with nullcontext() if last else network.no_sync():
            errors = training_errors(network, model, gray, shown, settings)
            state.scaler.scale(errors.sum() * weight).backward()
        total += errors.detach().sum() * (weight > 0)
    return total


def _accumulate_in_slices(
    network: Network, threads: Threads, state: TrainingState, parts: MicroBatches, weight: float
) -> Tensor:
    """As `accumulate_gradient`, of `weight` times the errors; slices are added up in their order, whoever had them."""
    weights = list(state.model.parameters())
    scaled = state.scaler.scale(torch.tensor(weight))

    def gradient(part: tuple[range, Tensor]) -> tuple[tuple[Tensor, ...], Tensor]:
        shown, gray = part
        errors = training_errors(network, state.model, gray, shown, state.settings)
        return torch.autograd.grad(errors.sum() * scaled, weights), errors.detach().sum()

    slices = [
        (shown[first : first + SLICE], gray[first : first + SLICE])
        for shown, gray in parts
        for first in range(0, len(shown), SLICE)
    ]
    gradients, errors = zip(*threads.map(gradient, slices), strict=True)
    for tensor, own in zip(weights, zip(*gradients, strict=True), strict=True):
        tensor.grad = reduce(torch.add, own)
    return torch.stack(errors).sum()


def training_errors(
    network: Network, model: DiffusionAutoencoder, pixels: Tensor, shown: range, settings: PretrainParams
) -> Tensor:
    """Return the denoising errors [N] of `pixels`, uint8 [N, 1, H, W], at uniform timesteps (DiffChest eq. 2).

    Timestep, noise and flip of an image follow from its number among `shown`; dropout from the first number. Two
    copies go to the device, pixels and draws, and nothing here waits for it.
    """
    x = model.prepare(shown_on(model.device, pixels))
    t, noise, flipped = draws(settings, shown, x, model.schedule.timesteps)
    x = torch.where(flipped, x.flip(3), x)
    torch.manual_seed(stream_seed(settings.seed, DROPOUT_STREAM, shown.start))
    with autocast(x.device, settings):
        return denoising_errors(network.forward, x, t, noise, schedule=model.schedule, prediction=model.prediction)


def autocast(device: torch.device, settings: PretrainParams) -> torch.autocast:
    """Return the context in which the network computes in `pretrain.precision`."""
    dtype = AUTOCAST.get(settings.precision)
    return torch.autocast(device.type, dtype=dtype, enabled=dtype is not None)


def draws(settings: PretrainParams, shown: range, x: Tensor, timesteps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw timestep [N], noise like `x` [N, C, H, W] and flip [N, 1, 1, 1] (boolean) of the images number `shown`."""
    noise = torch.empty_like(x)
    chances = np.empty((len(shown), 2))
    generator = torch.Generator(x.device)
    for row, number in enumerate(shown):
        seed = stream_seed(settings.seed, IMAGE_STREAM, number)
        generator.manual_seed(seed)
        noise[row].normal_(generator=generator)
        chances[row] = np.random.default_rng(seed).random(2)
    t, flipped = (chances[:, 0] * timesteps).astype(np.int64), chances[:, 1] < settings.horizontal_flip
    drawn = pinned(torch.from_numpy(np.stack([t, flipped])), x.device).to(x.device, non_blocking=True)
    return drawn[0], noise, drawn[1].bool().view(-1, 1, 1, 1)


def pinned(tensor: Tensor, device: torch.device) -> Tensor:
    """Return `tensor` in memory from which a GPU `device` fetches it while the program goes on."""
    return tensor.pin_memory() if device.type == "cuda" else tensor
