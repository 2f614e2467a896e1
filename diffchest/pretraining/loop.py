"""Pretraining of the diffusion autoencoder: no labels, resumable anywhere, the same weights for the same inputs.

Progress is counted in images shown. The order of images, the timesteps and the noise are functions of
(`pretrain.seed`, number of the image shown), so that a run stopped and resumed equals one that never stopped, and,
up to rounding, one by another number of processes.
"""

import ast
import hashlib
import inspect
import json
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from diffchest.compute.processes import ALONE, Processes
from diffchest.compute.read_ahead import read_ahead
from diffchest.diffusion import objective, schedule
from diffchest.diffusion.objective import SelfConditioned, denoising_errors
from diffchest.images.squares import to_model_range
from diffchest.model import autoencoder, blocks, encoder, unet
from diffchest.model.autoencoder import DiffusionAutoencoder, place
from diffchest.params.pretraining import PretrainParams
from diffchest.params.whole import Params
from diffchest.pretraining import images as pretrain_data
from diffchest.pretraining import state as training_state
from diffchest.pretraining.checkpoints import Checkpoints
from diffchest.pretraining.images import (
    DROPOUT_STREAM,
    IMAGE_STREAM,
    Images,
    Order,
    batches,
    micro_batches,
    stream_seed,
)
from diffchest.pretraining.log import write_log
from diffchest.pretraining.state import TrainingState
from diffchest.pretraining.validation import progress_pictures, validation_losses
from diffchest.progress import progress

STEPS_BETWEEN_CHECKS = 50  # of the loss; each check waits for the device
DETERMINING_CODE = (autoencoder, blocks, encoder, unet, objective, schedule, pretrain_data, training_state)
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
MicroBatches = list[tuple[range, Tensor]]


class PretrainingError(RuntimeError):
    """The run ended early; the message says where, what is kept and what to do."""


@dataclass(frozen=True)
class Network:
    """The model as it is trained: its pass, and where gradients are not yet averaged over processes."""

    forward: SelfConditioned
    no_sync: Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Pretrained:
    """The averaged model; one row per checkpoint (`history`); pictures uint8 [3, K, H, W] by images shown."""

    model: DiffusionAutoencoder
    history: pd.DataFrame
    pictures: dict[int, np.ndarray]


def pretrain(
    params: Params,
    train: Images,
    validation: Images,
    *,
    runs: Path,
    device: torch.device,
    processes: Processes = ALONE,
) -> Pretrained:
    """Train, or resume, until `pretrain.images_shown`; checkpoints and a log lie in `runs/<key of the run>/`.

    Raises `PretrainingError` on SIGTERM or SIGINT, after saving; when the loss or the weights are not finite, which are
    then not saved; and when not every one of `processes` can read the checkpoint to go on from.
    """
    knobs = params.pretrain
    key = run_key(params, train, validation)
    checkpoints = Checkpoints(runs / key, key)
    torch.manual_seed(knobs.seed)
    model = place(DiffusionAutoencoder(params.model, params.diffusion, params.images.size), device)
    state = TrainingState(model, knobs)
    if saved := newest(checkpoints, processes):
        state.load_state_dict(saved, first=processes.first)
        del saved  # as large as the state
        _say(f"resumed at {state.shown:,} of {knobs.images_shown:,} images", processes)
    network = _network(model, knobs, processes)

    order = Order(len(train), knobs.seed)
    bar = progress([], total=knobs.images_shown, desc="pretrain")
    bar.initial = bar.n = state.shown

    def read(batch: range) -> MicroBatches:
        parts = micro_batches(batch, knobs.micro_batch, processes.rank, processes.count)
        return [(part, train.batch(order.take(part))) for part in parts]

    with StopSignals() as stop, bar:
        for batch, parts in read_ahead(read, batches(state.shown, knobs)):
            state.loss_sum += accumulate_gradient(network, state, batch, parts, processes)
            state.update(len(batch))
            bar.update(len(batch))

            due = state.shown // knobs.checkpoint_every > batch.start // knobs.checkpoint_every
            due = due or state.shown == knobs.images_shown
            stopped = processes.any(bool(stop.requested))
            if not (due or stopped or state.step % STEPS_BETWEEN_CHECKS == 0):
                continue
            loss_sum = processes.sum(state.loss_sum)
            if processes.any(not torch.isfinite(loss_sum) or ((due or stopped) and not state.is_finite())):
                raise PretrainingError(_not_finite(state.shown, checkpoints))
            if due:
                losses = validation_losses(state.ema, validation, knobs, processes)
                state.record({"train_loss": float(loss_sum / state.loss_images), **losses})
                seen = validation if len(validation) else train
                state.keep_pictures(progress_pictures(state.ema, seen, knobs))
                bar.set_postfix(state.history[-1], refresh=False)
                loss_sum = torch.zeros_like(loss_sum)
            if (due or stopped) and processes.first:
                checkpoints.save(state.shown, state.state_dict(loss_sum))
                write_log(checkpoints.folder, state.history, state.pictures)
            processes.wait()  # for the files to be written
            if stopped and state.shown < knobs.images_shown:
                raise PretrainingError(
                    f"stopped by {stop.requested or 'another process'} after {state.shown:,} of "
                    f"{knobs.images_shown:,} images; saved in {checkpoints.folder}; the same command goes on from there"
                )
    pictures = {shown: picture.numpy() for shown, picture in state.pictures.items()}
    return Pretrained(state.ema, pd.DataFrame(state.history), pictures)


def accumulate_gradient(
    network: Network, state: TrainingState, batch: range, parts: MicroBatches, processes: Processes
) -> Tensor:
    """Add up the gradient of the mean error of `batch`, of which this process takes `parts`; return their errors' sum.

    A process without a part takes one image for nothing, since the others wait for its gradient.
    """
    model, knobs = state.model, state.knobs
    weight = processes.count / len(batch)  # processes average their gradients
    if not parts:
        parts, weight = [(batch[:1], torch.zeros(1, 1, model.image_size, model.image_size))], 0.0
    total = torch.zeros((), device=model.device)
    for number, (shown, gray) in enumerate(parts):
        last = number == len(parts) - 1
        with nullcontext() if last else network.no_sync():
            errors = training_errors(network, model, gray, shown, knobs)
            state.scaler.scale(errors.sum() * weight).backward()
        total += errors.detach().sum() * (weight > 0)
    return total


def training_errors(
    network: Network, model: DiffusionAutoencoder, gray: Tensor, shown: range, knobs: PretrainParams
) -> Tensor:
    """Return the denoising error [N] of each image `gray` [N, 1, H, W] at a uniform timestep (DiffChest eq. 2).

    Timestep, noise and flip of an image follow from its number among `shown`; dropout from the first number.
    """
    x = model.prepare(gray.to(model.device, non_blocking=True))
    t, noise, flipped = draws(knobs, shown, x, model.schedule.timesteps)
    x = torch.where(flipped, x.flip(3), x)
    torch.manual_seed(stream_seed(knobs.seed, DROPOUT_STREAM, shown.start))
    with torch.autocast(x.device.type, dtype=AUTOCAST.get(knobs.precision), enabled=knobs.precision in AUTOCAST):
        return denoising_errors(network.forward, x, t, noise, schedule=model.schedule, prediction=model.prediction)


def draws(knobs: PretrainParams, shown: range, x: Tensor, timesteps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw timestep [N], noise like `x` [N, C, H, W] and flip [N, 1, 1, 1] (boolean) of the images number `shown`."""
    noise = torch.empty_like(x)
    chances = np.empty((len(shown), 2))
    generator = torch.Generator(x.device)
    for row, number in enumerate(shown):
        seed = stream_seed(knobs.seed, IMAGE_STREAM, number)
        generator.manual_seed(seed)
        noise[row].normal_(generator=generator)
        chances[row] = np.random.default_rng(seed).random(2)
    t = torch.from_numpy((chances[:, 0] * timesteps).astype(np.int64))
    flipped = torch.from_numpy(chances[:, 1] < knobs.horizontal_flip).view(-1, 1, 1, 1)
    return t.to(x.device), noise, flipped.to(x.device)


def run_key(params: Params, train: Images, validation: Images) -> str:
    """Hash what determines the weights: parameters, images, and the code (not its comments) of network and loss."""
    sections = {name: getattr(params, name).model_dump() for name in ("model", "diffusion", "pretrain")}
    code = [meaning(part) for part in (*DETERMINING_CODE, to_model_range, accumulate_gradient, training_errors, draws)]
    data = [params.images.size, train.fingerprint(), validation.fingerprint()]
    recipe = [sections, data, code]
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]


def meaning(part: Any) -> str:
    """The code of a module or function without comments and docstrings."""
    tree = ast.parse(inspect.getsource(part))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)


def _network(model: DiffusionAutoencoder, knobs: PretrainParams, processes: Processes) -> Network:
    """The model, its gradients averaged over processes where there are several, compiled if asked."""
    forward, no_sync = model, nullcontext
    if processes.count > 1:
        devices = [model.device] if model.device.type == "cuda" else None
        forward = DistributedDataParallel(model, device_ids=devices, gradient_as_bucket_view=True)
        no_sync = forward.no_sync
    return Network(torch.compile(forward) if knobs.compile else forward, no_sync)


def newest(checkpoints: Checkpoints, processes: Processes) -> dict[str, Any] | None:
    """The newest usable state, the same in all processes; `PretrainingError` unless all can read it."""
    saved = checkpoints.load() if processes.first else None
    shown = processes.share(saved["shown"] if saved else None)
    if shown is None:
        return None
    saved = saved or checkpoints.load(shown)
    if processes.any(saved is None):
        raise PretrainingError(
            f"the checkpoint at {shown:,} images in {checkpoints.folder} cannot be read by every process; all "
            "machines must see the repository under the same path"
        )
    return saved


def _say(text: str, processes: Processes) -> None:
    if processes.first:
        print(f"pretrain: {text}", flush=True)


class StopSignals(AbstractContextManager["StopSignals"]):
    """While entered, SIGTERM and SIGINT only set `requested` to their name; a second one acts at once."""

    def __init__(self) -> None:
        self.requested = ""
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _request(self, number: int, _: FrameType | None) -> None:
        self.requested = signal.Signals(number).name
        signal.signal(number, self._previous[signal.Signals(number)])


def _not_finite(shown: int, checkpoints: Checkpoints) -> str:
    kept = checkpoints.load()
    where = f"the checkpoint at {kept['shown']:,} images in {checkpoints.folder} is kept" if kept else "none was saved"
    return (
        f"the loss or the weights are not finite after {shown:,} images; {where}; a run with a lower "
        "pretrain.learning_rate, or pretrain.precision fp32 or bf16, begins anew"
    )
