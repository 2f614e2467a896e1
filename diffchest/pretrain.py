"""Pretraining of the diffusion autoencoder: no labels, resumable anywhere, the same weights for the same inputs.

Progress is counted in images shown. The order of images, the timesteps and the noise are functions of
(`pretrain.seed`, images shown), so that a run stopped and resumed equals one that never stopped.
"""

import hashlib
import inspect
import json
import signal
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from diffchest import pretrain_data, training_state
from diffchest.checkpoint import Checkpoints
from diffchest.diffusion import objective, schedule
from diffchest.diffusion.objective import denoising_errors
from diffchest.model import autoencoder, blocks, encoder, unet
from diffchest.model.autoencoder import DiffusionAutoencoder, place
from diffchest.params import Params, PretrainParams
from diffchest.pretrain_data import STEP_STREAM, VALIDATION_STREAM, Images, Order, stream_seed
from diffchest.progress import progress
from diffchest.training_state import TrainingState

STEPS_BETWEEN_CHECKS = 50  # of the loss; each check waits for the device
DETERMINING_CODE = (autoencoder, blocks, encoder, unet, objective, schedule, pretrain_data, training_state)
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


class PretrainingError(RuntimeError):
    """The run ended early; the message says where, what is kept and what to do."""


@dataclass(frozen=True)
class Pretrained:
    """The averaged model and the loss curve: images, train_loss, validation_loss."""

    model: DiffusionAutoencoder
    history: pd.DataFrame


def pretrain(params: Params, train: Images, validation: Images, *, runs: Path, device: torch.device) -> Pretrained:
    """Train, or resume, until `pretrain.images_shown`; checkpoints lie in `runs/<key of the run>/`.

    Raises `PretrainingError` on SIGTERM or SIGINT, after saving, and when the loss is not finite.
    """
    knobs = params.pretrain
    key = run_key(params, train, validation)
    checkpoints = Checkpoints(runs / key, key)
    order = Order(len(train), knobs.seed)
    torch.manual_seed(knobs.seed)
    model = place(DiffusionAutoencoder(params.model, params.diffusion, params.images.size), device)
    state = TrainingState(model, knobs)
    if saved := checkpoints.load():
        state.load_state_dict(saved)
        print(f"pretrain: resumed at {state.shown:,} of {knobs.images_shown:,} images", flush=True)

    bar = progress([], total=knobs.images_shown, desc="pretrain")
    bar.initial = bar.n = state.shown
    with StopSignals() as stop, bar:
        while state.shown < knobs.images_shown:
            before, batch = state.shown, min(knobs.batch_size, knobs.images_shown - state.shown)
            torch.manual_seed(stream_seed(knobs.seed, STEP_STREAM, state.shown))  # timesteps, noise, flips, dropout
            x = model.prepare(train.batch(order.take(state.shown, batch)).to(device))
            state.update(training_loss(model, x, knobs), batch)
            bar.update(batch)

            due = state.shown // knobs.checkpoint_every > before // knobs.checkpoint_every
            due = due or state.shown == knobs.images_shown
            check = due or stop.requested or state.step % STEPS_BETWEEN_CHECKS == 0
            if check and not torch.isfinite(state.loss_sum):
                raise PretrainingError(_not_finite(state.shown, checkpoints))
            if due:
                state.record(validation_loss(state.ema, validation, knobs))
                bar.set_postfix(state.history[-1], refresh=False)
            if due or stop.requested:
                path = checkpoints.save(state.shown, state.state_dict())
                if stop.requested and state.shown < knobs.images_shown:
                    raise PretrainingError(
                        f"stopped by {stop.requested} after {state.shown:,} of {knobs.images_shown:,} images; "
                        f"saved to {path}; the same command goes on from there"
                    )
    return Pretrained(state.ema, pd.DataFrame(state.history))


def training_loss(model: DiffusionAutoencoder, x: Tensor, knobs: PretrainParams) -> Tensor:
    """Return the mean denoising error of `x` [N, C, H, W] at uniform timesteps (DiffChest eq. 2)."""
    if knobs.horizontal_flip:
        flipped = torch.rand(len(x), 1, 1, 1) < knobs.horizontal_flip
        x = torch.where(flipped.to(x.device), x.flip(3), x)
    t = torch.randint(model.schedule.timesteps, (len(x),)).to(x.device)
    noise = torch.randn(x.shape).to(x.device)
    with torch.autocast(x.device.type, dtype=AUTOCAST.get(knobs.precision), enabled=knobs.precision in AUTOCAST):
        return denoising_errors(model, x, t, noise, schedule=model.schedule, prediction=model.prediction).mean()


@torch.inference_mode()
def validation_loss(model: DiffusionAutoencoder, images: Images, knobs: PretrainParams) -> float:
    """Return the mean denoising error over held-out patients, NaN if there are none.

    Timesteps are spread evenly and, like the noise, the same at every call: two values differ by the weights alone.
    """
    errors: list[Tensor] = []
    for first in range(0, len(images), knobs.batch_size):
        positions = torch.arange(first, min(first + knobs.batch_size, len(images)))
        generator = torch.Generator().manual_seed(stream_seed(knobs.seed, VALIDATION_STREAM, first))
        x = model.prepare(images.batch(positions.numpy()).to(model.device))
        t = (positions * 617 % model.schedule.timesteps).to(model.device)  # 617: coprime to 1000, far from its divisors
        noise = torch.randn(x.shape, generator=generator).to(model.device)
        errors.append(denoising_errors(model, x, t, noise, schedule=model.schedule, prediction=model.prediction).cpu())
    return torch.cat(errors).mean().item() if errors else float("nan")


def run_key(params: Params, train: Images, validation: Images) -> str:
    """Hash all that determines the result: parameters, images, and the code of the network and its loss."""
    sections = {name: getattr(params, name).model_dump() for name in ("model", "diffusion", "pretrain")}
    code = [inspect.getsource(module) for module in DETERMINING_CODE]
    data = [params.images.size, train.fingerprint(), validation.fingerprint()]
    recipe = [sections, data, code, inspect.getsource(training_loss)]
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]


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
        f"the loss is not finite after {shown:,} images; {where}; lower pretrain.learning_rate, "
        "or use pretrain.precision fp32 or bf16"
    )
