"""Pretraining of the diffusion autoencoder: no labels, resumable anywhere, the same weights for the same inputs.

Progress is counted in images shown. The order of images, the timesteps and the noise are functions of
(`pretrain.seed`, number of the image shown), so that a run stopped and resumed equals one that never stopped, a run
made longer equals one that was to be so long from the start, and, up to rounding, one by another number of processes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from diffchest.compute.processes import ALONE, Processes
from diffchest.compute.read_ahead import read_ahead
from diffchest.compute.stop_signals import StopSignals
from diffchest.files.whole import whole
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.network import DiffusionParams, ModelParams
from diffchest.params.pretraining import PretrainParams
from diffchest.pretraining.checkpoints import Checkpoints
from diffchest.pretraining.images import Images
from diffchest.pretraining.log import write_log
from diffchest.pretraining.order import Order, batches, is_due, micro_batches, run_length
from diffchest.pretraining.run_key import held_out_key, run_key
from diffchest.pretraining.start import start_from_file
from diffchest.pretraining.state import TrainingState
from diffchest.pretraining.steps import MicroBatches, accumulate_gradient, initial_state, pinned, trained_network
from diffchest.pretraining.validation import PICTURES, progress_pictures, validation_losses
from diffchest.progress import notice, progress

STEPS_BETWEEN_CHECKS = 50  # of the loss; each check waits for the device
SHOWN_LOSSES = ("train_loss", "validation_loss")  # while it trains


class PretrainingError(RuntimeError):
    """The run ended early; the message says where, what is kept and what to do."""


@dataclass(frozen=True)
class Pretrained:
    """The averaged model; one row per checkpoint (`history`); pictures uint8 [3, K, H, W] by images shown.

    pictured: image ids of the K radiographs.
    """

    model: DiffusionAutoencoder
    history: pd.DataFrame
    pictures: dict[int, np.ndarray]
    pictured: list[str]

    def save_pictures(self, path: Path) -> None:
        """Write `images_shown` [C], `pictures` [C, 3, K, H, W] and `image_id` [K] as one `.npz`."""
        with whole(path) as partial:
            shown, pictures = list(self.pictures), np.stack(list(self.pictures.values()))
            np.savez_compressed(partial, images_shown=shown, pictures=pictures, image_id=self.pictured)

    def metrics(self, *, train: int, validation: int) -> dict[str, Any]:
        """Return the last losses, the sizes of the networks, and the numbers of images: there are, and shown."""
        last, networks = self.history.iloc[-1], {"unet": self.model.unet, "encoder": self.model.encoder}
        return {
            "train_loss": last["train_loss"],
            "validation_loss": last["validation_loss"],
            "parameters": {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()},
            "images": {"train": train, "validation": validation, "shown": int(last["images"])},
        }


@dataclass(frozen=True)
class Run:
    """What stays the same while a model trains; `held_out` says what the held-out losses are of (`held_out_key`)."""

    train: Images
    validation: Images
    settings: PretrainParams
    checkpoints: Checkpoints
    held_out: str
    processes: Processes


def pretrain(
    train: Images,
    validation: Images,
    *,
    model: ModelParams,
    diffusion: DiffusionParams,
    settings: PretrainParams,
    image_size: int,
    runs: Path,
    device: torch.device,
    processes: Processes = ALONE,
) -> Pretrained:
    """Train, or resume, until `images_shown` or the end of its batch; checkpoints and a log lie in `runs/<key>/`.

    Raises `PretrainingError` on SIGTERM or SIGINT, after saving; when the loss or the weights are not finite, which are
    then not saved; and when not every one of `processes` can read the checkpoint to go on from. `DataError` where
    `pretrain.start_from` is no file to start from.
    """
    keys = None
    if processes.first:  # hashing reads all images
        key = run_key(train, model=model, diffusion=diffusion, settings=settings, image_size=image_size)
        keys = key, held_out_key(validation)
    processes.wait()
    key, held_out = processes.share(keys)
    run = Run(train, validation, settings, Checkpoints(runs / key, key), held_out, processes)
    state = initial_state(model, diffusion, settings, image_size=image_size, device=device)
    if settings.start_from is not None:
        start_from_file(state, Path(settings.start_from))
    _resume(run, state)
    _train(run, state)
    if state.last_row != state.shown:  # the end lies between two checkpoints: a longer run has no row there
        _record(run, state, processes.sum(state.loss_sum))
    if processes.first:
        write_log(run.checkpoints.folder, state.history, state.pictures)
    pictures = {shown: picture.numpy() for shown, picture in state.pictures.items()}
    pictured = _pictured(run).image_ids[:PICTURES].tolist()
    return Pretrained(state.ema, pd.DataFrame(state.history), pictures, pictured)


def _resume(run: Run, state: TrainingState) -> None:
    """Go back to the newest checkpoint that is not beyond the end of the run, if there is one.

    Losses and pictures of other held-out images than those of now are dropped; the last ones are made again.
    """
    saved = newest(run.checkpoints, run_length(run.settings), run.processes)
    if saved is None:
        return
    state.load_state_dict(saved, first=run.processes.first)
    if run.processes.first:
        print(f"pretrain: resumed at {state.shown:,} of {run_length(run.settings):,} images", flush=True)
    every = run.settings.checkpoint_every
    if saved["checkpoint_every"] != every and run.processes.first:
        notice(
            f"pretrain: up to here losses and pictures are of every {saved['checkpoint_every']:,} images, as that part "
            f"of the run was asked for, not of every {every:,}"
        )
    if saved["held_out"] == run.held_out:
        return
    if run.processes.first:
        notice("pretrain: the held-out radiographs are others than before; losses and pictures of those are dropped")
    state.drop_judgements()
    if state.last_row == state.shown:
        _judge(run, state)


def newest(checkpoints: Checkpoints, at_most: int, processes: Processes) -> dict[str, Any] | None:
    """The newest usable state of at most so many images, the same in all processes.

    Raises `PretrainingError` unless all can read it.
    """
    saved = checkpoints.newest(at_most) if processes.first else None
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


def _train(run: Run, state: TrainingState) -> None:
    """Take the steps that are left, saving where a checkpoint is due (`is_due`), at a stop and at the end."""
    settings, processes, end = run.settings, run.processes, run_length(run.settings)
    network = trained_network(state.model, settings, processes)
    order = Order(len(run.train), settings.seed)

    def read(batch: range) -> MicroBatches:
        parts = micro_batches(batch, settings.micro_batch, processes.rank, processes.count)
        return [(part, pinned(run.train.batch(order.take(part)), state.model.device)) for part in parts]

    with StopSignals() as stop, progress([], total=end, desc="pretrain", initial=state.shown) as bar:
        for batch, parts in read_ahead(read, batches(state.shown, settings)):
            loss = accumulate_gradient(network, state, batch, parts, processes)
            if not state.update(len(batch), loss) and processes.first:
                notice(
                    f"pretrain: no step at {state.shown:,} images: its gradient overflowed fp16; loss scale now "
                    f"{state.scaler.get_scale():g}, {state.skipped:,} batches left out so far"
                )
            bar.update(len(batch))
            due = is_due(batch, settings.checkpoint_every)
            stopped = processes.any(bool(stop.requested))
            if due or stopped or batch.stop == end:
                _save(run, state, record=due)
                losses = state.history[-1].items() if state.history else ()
                bar.set_postfix({name: loss for name, loss in losses if name in SHOWN_LOSSES}, refresh=False)
            elif (state.step + state.skipped) % STEPS_BETWEEN_CHECKS == 0:
                _check(run, state)
            if stopped and batch.stop < end:
                raise PretrainingError(
                    f"stopped by {stop.requested or 'another process'} after {state.shown:,} of {end:,} images; saved "
                    f"in {run.checkpoints.folder}; the same command goes on from there"
                )


def _save(run: Run, state: TrainingState, *, record: bool) -> None:
    """Write a checkpoint and the log; with `record` after a row of the history for the images since the last one."""
    loss_sum = _check(run, state, weights=True)
    if record:
        _record(run, state, loss_sum)
        loss_sum = torch.zeros_like(loss_sum)
    if run.processes.first:
        kept = {"held_out": run.held_out, "checkpoint_every": run.settings.checkpoint_every}
        config = {"config": state.model.config}  # for a warm start from this file
        run.checkpoints.save(state.shown, kept | config | state.state_dict(loss_sum))
        write_log(run.checkpoints.folder, state.history, state.pictures)
    run.processes.wait()  # for the files to be written


def _check(run: Run, state: TrainingState, *, weights: bool = False) -> Tensor:
    """Return the sum of the losses of all processes; `PretrainingError` unless it, and the `weights`, are finite.

    One batch that overflows fp16 is left out (`TrainingState.update`); only one after another, until the loss scale has
    collapsed, ends the run.
    """
    loss_sum = run.processes.sum(state.loss_sum)
    finite = torch.isfinite(loss_sum) and not state.is_collapsed and (not weights or state.is_finite())
    if run.processes.any(not finite):
        kept = run.checkpoints.newest(at_most=state.shown)
        folder = run.checkpoints.folder
        where = f"the checkpoint at {kept['shown']:,} images in {folder} is kept" if kept else "none was saved"
        raise PretrainingError(
            f"the loss or the weights are not finite after {state.shown:,} images; {where}; a run with a lower "
            "pretrain.learning_rate, or pretrain.precision fp32 or bf16, begins anew"
        )
    return loss_sum


def _record(run: Run, state: TrainingState, loss_sum: Tensor) -> None:
    """Add a row to the history: the mean loss since the last one, and what held-out patients show."""
    state.record({"train_loss": float(loss_sum / state.loss_images)})  # NaN where every batch was left out
    _judge(run, state)


def _judge(run: Run, state: TrainingState) -> None:
    """Add to the last row, and to the pictures, what held-out patients show of the average model as it is."""
    state.history[-1] |= validation_losses(state.ema, run.validation, run.settings, run.processes)
    state.keep_pictures(progress_pictures(state.ema, _pictured(run), run.settings))


def _pictured(run: Run) -> Images:
    """The radiographs of which the first are shown: held-out ones, where there are any."""
    return run.validation if len(run.validation) else run.train
