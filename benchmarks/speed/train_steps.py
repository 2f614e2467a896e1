"""One training step of the diffusion autoencoder: as `pretrain` takes it, plainly, and as the authors do."""

import copy
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from diffchest.compute.processes import ALONE
from diffchest.diffusion.objective import denoising_errors
from diffchest.model.autoencoder import DiffusionAutoencoder, place
from diffchest.params.whole import Params
from diffchest.pretraining.state import TrainingState
from diffchest.pretraining.steps import accumulate_gradient, pinned, trained_network

Step = Callable[[], None]

REFERENCE_MODULES = ("choices", "diffusion", "model.unet_autoenc")  # none of them needs Lightning
REFERENCE_NORM_GROUPS = 32  # fixed in the authors' code


def our_step(params: Params, device: torch.device) -> Step:
    """The step of `pretrain.pretrain`; precision, `compile` and the like are those of `params.pretrain`."""
    model = place(DiffusionAutoencoder(params.model, params.diffusion, params.images.size), device)
    state = TrainingState(model, params.pretrain)
    network = trained_network(model, params.pretrain, ALONE)
    size = params.images.size
    images = pinned(torch.randint(256, (params.pretrain.batch_size, 1, size, size), dtype=torch.uint8), device)

    def step() -> None:
        batch = range(state.shown, state.shown + len(images))
        state.update(len(batch), accumulate_gradient(network, state, batch, [(batch, images)], ALONE))

    return step


def plain_step(params: Params, device: torch.device) -> Step:
    """The same network and loss as one would write them first: float32, NCHW, eager, one tensor after the other."""
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=params.pretrain.learning_rate, foreach=False, fused=False)
    update = _updater(model, optimizer, params)
    images = _images(params)

    def step() -> None:
        x = images.to(device).expand(-1, model.channels, -1, -1)
        t = torch.randint(0, model.schedule.timesteps, (len(x),), device=device)
        noise = torch.randn_like(x)
        errors = denoising_errors(model, x, t, noise, schedule=model.schedule, prediction=model.prediction)
        update(errors.mean())

    return step


def reference_step(params: Params, device: torch.device, checkout: Path) -> Step:
    """The authors' network and loss, imported from a `checkout` of their code: float32, on CUDA float16 autocast.

    Their step is in a LightningModule; what it does around network and loss is written here.
    """
    choices, diffusion, network = _import_reference(checkout)
    sizes, encoder = params.model, params.model.encoder
    if sizes.norm_groups != REFERENCE_NORM_GROUPS or encoder.block != "single" or sizes.space_to_depth != 1:
        raise SystemExit("--reference: the authors' code builds only networks in their geometry")
    model = network.BeatGANsAutoencConfig(
        image_size=params.images.size,
        model_channels=sizes.base_channels,
        channel_mult=tuple(sizes.channel_multipliers),
        num_res_blocks=sizes.residual_blocks,
        attention_resolutions=tuple(sizes.attention_resolutions),
        dropout=sizes.dropout,
        embed_channels=sizes.time_dim,
        enc_out_channels=sizes.latent_dim,
        enc_channel_mult=tuple(encoder.channel_multipliers),
        enc_num_res_block=encoder.residual_blocks,
        enc_pool="adaptivenonzero",
        resnet_two_cond=True,
    ).make_model()
    noise = params.diffusion
    losses = diffusion.SpacedDiffusionBeatGansConfig(
        gen_type=choices.GenerativeType.ddim,
        betas=torch.linspace(noise.beta_start, noise.beta_end, noise.timesteps, dtype=torch.float64).numpy(),
        model_type=choices.ModelType.autoencoder,
        model_mean_type=choices.ModelMeanType.eps,
        model_var_type=choices.ModelVarType.fixed_large,
        loss_type=choices.LossType.mse,
        rescale_timesteps=False,
        fp16=device.type == "cuda",
        use_timesteps=range(noise.timesteps),
    ).make_sampler()
    model.to(device)
    update = _updater(model, torch.optim.Adam(model.parameters(), lr=params.pretrain.learning_rate), params)
    images = _images(params).expand(-1, sizes.channels, -1, -1).contiguous()  # RGB files, in their data set

    def step() -> None:
        x = images.to(device)
        t = torch.randint(0, noise.timesteps, (len(x),), device=device)
        update(losses.training_losses(model=model, x_start=x, t=t)["loss"].mean())

    return step


def _import_reference(checkout: Path) -> list[Any]:
    sys.path.insert(0, str(checkout.resolve()))
    try:
        return [importlib.import_module(name) for name in REFERENCE_MODULES]
    except ImportError as error:
        raise SystemExit(
            f"{checkout}: not a checkout of the authors' code (expected the modules {', '.join(REFERENCE_MODULES)}): "
            f"{error}; git clone https://github.com/peterhan91/diffchest and give its folder"
        ) from None
    finally:
        sys.path.pop(0)


def _updater(model: nn.Module, optimizer: torch.optim.Optimizer, params: Params) -> Callable[[Tensor], None]:
    """Backward pass, clipped and scaled where float16 needs it, one step of the optimiser, and the weight average."""
    average = copy.deepcopy(model).requires_grad_(False)
    pairs = list(zip(average.parameters(), model.parameters(), strict=True))
    settings = params.pretrain
    scaler = torch.amp.GradScaler(enabled=pairs[0][0].is_cuda)

    def update(loss: Tensor) -> None:
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.grad_clip)
        scaler.step(optimizer)
        scaler.update()
        for mean, weight in pairs:
            mean.copy_(mean * settings.ema_decay + weight.detach() * (1 - settings.ema_decay))

    return update


def _images(params: Params) -> Tensor:
    """One batch as the authors' loader hands it over: float32 [N, 1, H, W] in [-1, 1], on the CPU."""
    size = params.images.size
    return torch.rand(params.pretrain.batch_size, 1, size, size) * 2 - 1
