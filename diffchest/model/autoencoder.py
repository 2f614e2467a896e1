"""The diffusion autoencoder: encoder, U-Net and noise schedule as one model, and its file."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from diffchest.diffusion.schedule import Schedule, linear_schedule
from diffchest.errors import DataError
from diffchest.files.tensors import load_tensors
from diffchest.files.whole import whole
from diffchest.model.encoder import SemanticEncoder
from diffchest.model.unet import UNet
from diffchest.params.network import DiffusionParams, ModelParams, Prediction


class DiffusionAutoencoder(nn.Module):
    """Self-conditioned diffusion autoencoder (Preechakul et al. 2022, DiffChest): z = encode(x), x_t denoised given z.

    `model.space_to_depth: k` folds k x k pixels into channels before both networks and unfolds the prediction, so
    that they work on `image_size / k`. `model.position_frequencies` adds channels that say where a pixel is: z reaches
    the U-Net as scales of its channels, which can place nothing without a picture. 1 and 0 are the paper's network.
    `sha256` names the file a model was loaded from.
    """

    sha256: str = ""
    position: Tensor

    def __init__(self, model: ModelParams, diffusion: DiffusionParams, image_size: int) -> None:
        super().__init__()
        self.params, self.diffusion, self.image_size = model, diffusion, image_size
        channels, size = model.channels * model.space_to_depth**2, image_size // model.space_to_depth
        position = position_encoding(size, model.position_frequencies)
        self.register_buffer("position", position, persistent=False)
        self.unet = UNet(model, in_channels=channels + len(position), out_channels=channels, size=size)
        self.encoder = SemanticEncoder(model, in_channels=channels + len(position), size=size)
        self.schedule: Schedule = linear_schedule(diffusion.timesteps, diffusion.beta_start, diffusion.beta_end)

    @property
    def config(self) -> dict[str, Any]:
        """What a file must say besides the weights for the model to be rebuilt: plain values."""
        sections = {"model": self.params.model_dump(), "diffusion": self.diffusion.model_dump()}
        return {**sections, "image_size": self.image_size}

    @property
    def prediction(self) -> Prediction:
        """What `predict` returns: "epsilon" or "v"."""
        return self.diffusion.prediction

    @property
    def channels(self) -> int:
        """C, the image channels."""
        return self.params.channels

    @property
    def latent_dim(self) -> int:
        """The size d of z."""
        return self.params.latent_dim

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def prepare(self, gray: Tensor) -> Tensor:
        """Repeat a gray image [N, 1, H, W] to the model's channels [N, C, H, W]."""
        return gray.expand(-1, self.channels, -1, -1)

    def encode(self, x: Tensor) -> Tensor:
        """Encode `x` [N, C, H, W] in [-1, 1] as z [N, d]."""
        return self.encoder(self._fold(x))

    def predict(self, x_t: Tensor, t: Tensor, z: Tensor) -> Tensor:
        """Return the raw prediction (epsilon or v) [N, C, H, W] for `x_t` [N, C, H, W], `t` [N] int64, `z` [N, d]."""
        return nn.functional.pixel_shuffle(self.unet(self._fold(x_t), t, z), self.params.space_to_depth)

    def forward(self, x: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Denoise `x_t` given the latent of the clean `x`: the pass that is trained."""
        return self.predict(x_t, t, self.encode(x))

    def _fold(self, x: Tensor) -> Tensor:
        folded = nn.functional.pixel_unshuffle(x, self.params.space_to_depth)
        return torch.cat([folded, self.position.expand(len(x), -1, -1, -1)], dim=1) if len(self.position) else folded


def position_encoding(size: int, frequencies: int) -> Tensor:
    """Return sines and cosines of row and column at 1, 2, 4, ... half waves a side: [4 * frequencies, H, W]."""
    along = (torch.arange(size) + 0.5) / size * math.pi
    angles = along * 2.0 ** torch.arange(frequencies)[:, None]
    waves = torch.cat([angles.sin(), angles.cos()])  # [2 * frequencies, size]
    rows, columns = waves[:, :, None].expand(-1, -1, size), waves[:, None, :].expand(-1, size, -1)
    return torch.cat([rows, columns])


def place(model: DiffusionAutoencoder, device: torch.device) -> DiffusionAutoencoder:
    """Move a model to `device` in the memory layout that is fast there.

    Channels-last suits tensor cores; on CPUs GroupNorm loses more in it than convolutions gain.
    """
    layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format
    return model.to(device=device).to(memory_format=layout)  # pyright: ignore[reportCallIssue]: missing in torch's stubs


def save_autoencoder(path: Path, model: DiffusionAutoencoder) -> None:
    """Write weights and configuration as safetensors; the file appears whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with whole(path) as partial:
        save_file(tensors, partial, metadata={"diffchest": json.dumps(model.config, sort_keys=True)})


def load_autoencoder(path: Path | str, device: torch.device | str = "cpu") -> DiffusionAutoencoder:
    """Rebuild a model from its file alone, in evaluation mode.

    Raises `DataError` if the file is missing, damaged, not one of ours, or its tensors are not those of its config.
    """
    path = Path(path)
    try:
        with safe_open(path, "pt") as file:
            config = json.loads((file.metadata() or {})["diffchest"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        model = DiffusionAutoencoder(
            ModelParams.model_validate(config["model"]),
            DiffusionParams.model_validate(config["diffusion"]),
            config["image_size"],
        )
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; run the `pretrain` stage (`dvc repro pretrain`)") from None
    except (SafetensorError, KeyError, ValidationError) as error:
        raise DataError(f"{path}: not a DiffChest model ({error}); delete it and run `dvc repro pretrain`") from None
    load_tensors(model, tensors, source=path)
    model.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return place(model, torch.device(device)).eval()
