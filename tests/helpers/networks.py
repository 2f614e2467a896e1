"""Networks of a few thousand weights."""

import torch

from diffchest.model.autoencoder import DiffusionAutoencoder
from tests.helpers.tiny import tiny_params


def build(**changes):
    params = tiny_params(**changes)
    torch.manual_seed(0)
    return DiffusionAutoencoder(params.model, params.diffusion, params.images.size).eval()


def randomised(model):
    """Zero-initialised layers would hide what goes into them."""
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model
