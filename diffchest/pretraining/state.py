"""Everything that changes while a model trains: what a checkpoint holds."""

import copy
from typing import Any

import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.pretraining import PretrainParams

MOST_PICTURES = 16  # checkpoints of which they are kept


class TrainingState:
    """Model, weight average (EMA), optimiser, loss scaler, position, and what was seen so far.

    `shown` counts images, `step` updates, `skipped` batches whose gradient overflowed fp16, of which no update came.
    `history` has one row per checkpoint; `pictures` has what the average model
    made of a few radiographs there, uint8 [3, K, H, W], by images shown.
    """

    def __init__(self, model: DiffusionAutoencoder, settings: PretrainParams) -> None:
        device = model.device
        self.model, self.settings = model, settings
        self.ema = copy.deepcopy(model).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(model.parameters(), fused=device.type in ("cpu", "cuda"))
        self.scaler = torch.amp.GradScaler(device.type, enabled=settings.precision == "fp16")
        self.shown, self.step, self.skipped = 0, 0, 0
        self.history: list[dict[str, float]] = []
        self.pictures: dict[int, torch.Tensor] = {}
        # over this process's images since the last row of the history; float64 adds them without rounding, so that it
        # does not matter which process goes on with which part of the sum after a stop (MPS has none)
        precise = torch.float32 if device.type == "mps" else torch.float64
        self.loss_sum = torch.zeros((), device=device, dtype=precise)
        self.loss_images = 0
        self._weights: list[torch.Tensor] = list(model.parameters())
        self._averages: list[torch.Tensor] = list(self.ema.parameters())

    def update(self, images: int, loss: torch.Tensor) -> bool:
        """Take one step down the gradient of `images`, accumulated from the scaled `loss`, and average the weights.

        Return whether it was taken: where the gradient overflowed fp16 the scaler leaves the step out and halves its
        scale, and neither the average nor the sum of the losses, of which this process adds `loss`, takes part in it.
        Only fp16 waits for the device here.
        """
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self._weights, self.settings.grad_clip)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, self.shown + images)
        self.scaler.step(self.optimizer)
        scale = self.scaler.get_scale()
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.shown += images
        if self.scaler.get_scale() < scale:
            self.skipped += 1
            return False
        self.step += 1
        get_ema_multi_avg_fn(ema_decay(self.settings, self.step))(self._averages, self._weights, self.step)
        self.loss_sum += loss
        self.loss_images += images
        return True

    @property
    def is_collapsed(self) -> bool:
        """Whether gradients overflow fp16 though the loss is no longer scaled up: then they are not finite at all."""
        return self.scaler.get_scale() < 1

    def record(self, row: dict[str, float]) -> None:
        """Add a row to the history and start the next interval."""
        self.history.append({"images": self.shown, **row})
        self.loss_sum, self.loss_images = torch.zeros_like(self.loss_sum), 0

    @property
    def last_row(self) -> float:
        """How many images had been shown at the last row of the history, 0 where it has none."""
        return self.history[-1]["images"] if self.history else 0

    def drop_judgements(self) -> None:
        """Keep of the history what it says of the training images alone, and no pictures."""
        self.history = [{name: row[name] for name in ("images", "train_loss")} for row in self.history]
        self.pictures = {}

    def keep_pictures(self, pictures: torch.Tensor) -> None:
        """Add what the average model made at this point; of many, every second is dropped."""
        self.pictures[self.shown] = pictures
        if len(self.pictures) > MOST_PICTURES:
            kept = sorted(self.pictures)[::-1][::2]
            self.pictures = {shown: self.pictures[shown] for shown in sorted(kept)}

    def is_finite(self) -> bool:
        """Whether all weights and averages are."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in (*self._weights, *self._averages))

    def state_dict(self, loss_sum: torch.Tensor) -> dict[str, Any]:
        """Return all of it as tensors, numbers and containers; `loss_sum` is that of all processes."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "shown": self.shown,
            "step": self.step,
            "skipped": self.skipped,
            "history": self.history,
            "pictures": self.pictures,
            "loss_sum": loss_sum.cpu(),
            "loss_images": self.loss_images,
        }

    def load_state_dict(self, state: dict[str, Any], *, first: bool) -> None:
        """Go back to what `state_dict` returned; the `first` process goes on with the sum of the losses."""
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.shown, self.step, self.skipped = state["shown"], state["step"], state["skipped"]
        self.history, self.pictures = state["history"], state["pictures"]
        self.loss_sum.copy_(state["loss_sum"] if first else torch.zeros(()))
        self.loss_images = state["loss_images"]


def learning_rate(settings: PretrainParams, shown: int) -> float:
    """Return the rate at `shown` images: linear warm-up, then constant."""
    return settings.learning_rate * min(1.0, shown / max(settings.warmup_images, 1))


def ema_decay(settings: PretrainParams, step: int) -> float:
    """Return the decay of the weight average at `step`: less at first, so that a short run forgets its start."""
    return min(settings.ema_decay, (1 + step) / (10 + step))
