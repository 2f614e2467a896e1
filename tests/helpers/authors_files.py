"""Files as the authors of DiffChest save them, and the command that imports them."""

import os
import subprocess
import sys

import torch

from diffchest.model.authors.network import LINEAR, their_name
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.network import EncoderParams
from tests.helpers.tiny import tiny_params

FINDINGS = ["effusion", "cardiomegaly", "pneumothorax"]


def state_of(*, size=32, beside=True, **changes):
    """A random network of a few thousand weights, as in the authors' files, and its parameters."""
    kind = {"space_to_depth": 1, "position_frequencies": 0, "channels": 3, "attention_heads": 1, "norm_groups": 32}
    params = tiny_params(size=size, **{**kind, "attention_resolutions": [16], "latent_map_channels": 0, **changes})
    encoder = EncoderParams(
        channel_multipliers=[*params.model.channel_multipliers, 2],
        residual_blocks=params.model.residual_blocks,
        attention_resolutions=params.model.attention_resolutions,
        block="single",
        pool="average",
    )
    network = params.model.model_copy(update={"encoder": encoder, "dropout": 0.1})
    state = {}
    for name, tensor in DiffusionAutoencoder(network, params.diffusion, size).state_dict().items():
        theirs = their_name(name)
        convolution = 2 if theirs.endswith("encoder.out.3.weight") else 1  # axes of its 1x1 kernel
        random = torch.randn_like(tensor)
        state[theirs] = random[(..., *[None] * convolution)] if LINEAR.search(theirs) else random
    return (with_company(state, size) if beside else state), network


def with_company(state, size):
    """What a Lightning file holds beside the averaged weights."""
    twins = {name.replace("ema_model.", "model."): torch.zeros_like(tensor) for name, tensor in state.items()}
    statistics = {"x_T": torch.randn(2, 3, size, size), "conds_mean": torch.zeros(1, 4), "conds_std": torch.ones(1, 4)}
    return {**state, **twins, **statistics}


def save_checkpoint(path, state, **more):
    torch.save({"epoch": 3, "global_step": 10, "pytorch-lightning_version": "1.4.5", "state_dict": state, **more}, path)
    return path


def head_state(latent_dim=4):
    findings = len(FINDINGS)
    torch.manual_seed(1)
    return {
        "classifier.weight": torch.zeros(findings, latent_dim),
        "classifier.bias": torch.zeros(findings),
        "ema_classifier.weight": torch.randn(findings, latent_dim),
        "ema_classifier.bias": torch.randn(findings),
        "conds_mean": torch.randn(1, latent_dim),
        "conds_std": torch.rand(1, latent_dim) + 0.5,
    }


def run_command(root, *arguments):
    command = [sys.executable, "-W", "error", "-m", "diffchest.model.authors", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)
