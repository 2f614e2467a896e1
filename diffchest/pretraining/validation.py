"""How pretraining goes, seen on radiographs of held-out patients: their loss, and what the model makes of a few."""

import numpy as np
import torch
from torch import Tensor

from diffchest.compute.processes import Processes
from diffchest.diffusion.ddim import ddim_decode, ddim_encode
from diffchest.diffusion.objective import denoising_errors
from diffchest.images.squares import from_model_range
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.pretraining import PretrainParams
from diffchest.pretraining.images import Images, shown_on
from diffchest.pretraining.order import PICTURE_STREAM, VALIDATION_STREAM, stream_seed
from diffchest.pretraining.steps import autocast

BINS = 10  # of timesteps
MOST = 2048  # images: a stopped run must not wait long for its checkpoint
PICTURES = 4
DDIM_STEPS = 20


@torch.inference_mode()
def validation_losses(
    model: DiffusionAutoencoder, images: Images, settings: PretrainParams, processes: Processes
) -> dict[str, float]:
    """Return the mean denoising error over held-out patients, in all and in each tenth of the timesteps, NaN for none.

    Of many images up to `MOST` are taken, evenly. Timesteps are spread evenly and, like the noise, the same at every
    call: two values differ by the weights alone. Each process takes a share of the images, and the network computes in
    the precision that it is trained in.
    """
    timesteps, count = model.schedule.timesteps, min(MOST, len(images))
    every = torch.arange(count) * 617 % timesteps  # 617: coprime to 1000, far from its divisors
    errors = torch.zeros(count, dtype=torch.float64)
    for first in range(processes.rank * settings.batch_size, count, processes.count * settings.batch_size):
        positions = torch.arange(first, min(first + settings.batch_size, count))
        generator = torch.Generator().manual_seed(stream_seed(settings.seed, VALIDATION_STREAM, first))
        x = model.prepare(shown_on(model.device, images.batch(positions.numpy() * len(images) // count)))
        noise = torch.randn(x.shape, generator=generator).to(model.device)
        t = every[positions].to(model.device)
        with autocast(model.device, settings):
            found = denoising_errors(model, x, t, noise, schedule=model.schedule, prediction=model.prediction)
        errors[positions] = found.cpu().double()
    errors = processes.sum(errors).numpy()
    bins = (every * BINS // timesteps).numpy()
    losses = {"validation_loss": _mean(errors)}
    for number in range(BINS):
        low, high = (-(-timesteps * edge // BINS) for edge in (number, number + 1))
        losses[f"validation_loss_t{low}_{high - 1}"] = _mean(errors[bins == number])
    return losses


@torch.inference_mode()
def progress_pictures(model: DiffusionAutoencoder, images: Images, settings: PretrainParams) -> Tensor:
    """Return uint8 [3, K, H, W] of the first K radiographs: original, reconstruction, and a sample of the same z.

    The sample starts from noise instead of the radiograph's own x_T: what z alone fixes stays, the rest is drawn.
    """
    x = model.prepare(shown_on(model.device, images.batch(np.arange(min(PICTURES, len(images))))))
    generator = torch.Generator().manual_seed(stream_seed(settings.seed, PICTURE_STREAM, 0))
    noise = torch.randn(x.shape, generator=generator).to(model.device)
    stride = max(1, model.schedule.timesteps // DDIM_STEPS)
    options = {"schedule": model.schedule, "steps": len(range(0, model.schedule.timesteps, stride))}
    with autocast(model.device, settings):
        z = model.encode(x)
        reconstruction = ddim_decode(model, ddim_encode(model, x, z, **options), z, **options)
        sample = ddim_decode(model, noise, z, **options)
    return torch.from_numpy(
        np.stack([from_model_range(part.float().cpu().numpy()) for part in (x, reconstruction, sample)])
    )


def _mean(errors: np.ndarray) -> float:
    return float(errors.mean()) if len(errors) else float("nan")
