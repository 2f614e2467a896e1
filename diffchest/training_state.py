"""Everything that changes while a model trains: what a checkpoint holds."""

import copy
from typing import Any

import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params import PretrainParams


class TrainingState:
    """Model, weight average (EMA), optimiser, loss scaler, position, and the loss curve so far.

    `shown` counts images, `step` updates; `history` has one row per checkpoint: images, train_loss, validation_loss.
    """

    def __init__(self, model: DiffusionAutoencoder, knobs: PretrainParams) -> None:
        device = model.device
        self.model, self.knobs = model, knobs
        self.ema = copy.deepcopy(model).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(model.parameters(), fused=device.type in ("cpu", "cuda"))
        self.scaler = torch.amp.GradScaler(device.type, enabled=knobs.precision == "fp16")
        self.shown, self.step = 0, 0
        self.history: list[dict[str, float]] = []
        self.loss_sum = torch.zeros((), device=device)  # over the images since the last row of the history
        self.loss_images = 0
        self._weights: list[torch.Tensor] = list(model.parameters())
        self._averages: list[torch.Tensor] = list(self.ema.parameters())

    def update(self, loss: torch.Tensor, images: int) -> None:
        """Take one step down the gradient of `loss`, the mean over a batch of `images`, and average the weights."""
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self._weights, self.knobs.grad_clip)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.knobs, self.shown + images)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
        self.shown += images
        get_ema_multi_avg_fn(ema_decay(self.knobs, self.step))(self._averages, self._weights, self.step)
        self.loss_sum = self.loss_sum + loss.detach() * images
        self.loss_images += images

    def record(self, validation_loss: float) -> None:
        """Add a row to the history and start the next interval."""
        train_loss = self.loss_sum.item() / self.loss_images
        self.history.append({"images": self.shown, "train_loss": train_loss, "validation_loss": validation_loss})
        self.loss_sum, self.loss_images = torch.zeros_like(self.loss_sum), 0

    def state_dict(self) -> dict[str, Any]:
        """Return all of it as tensors, numbers and containers."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "shown": self.shown,
            "step": self.step,
            "history": self.history,
            "loss_sum": self.loss_sum.cpu(),
            "loss_images": self.loss_images,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to what `state_dict` returned."""
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.shown, self.step, self.history = state["shown"], state["step"], state["history"]
        self.loss_sum, self.loss_images = state["loss_sum"].to(self.model.device), state["loss_images"]


def learning_rate(knobs: PretrainParams, shown: int) -> float:
    """Return the rate at `shown` images: linear warm-up, then constant."""
    return knobs.learning_rate * min(1.0, shown / max(knobs.warmup_images, 1))


def ema_decay(knobs: PretrainParams, step: int) -> float:
    """Return the decay of the weight average at `step`: less at first, so that a short run forgets its start."""
    return min(knobs.ema_decay, (1 + step) / (10 + step))
