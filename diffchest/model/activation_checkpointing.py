"""Activation checkpointing (Chen et al. 2016): training with less memory, for another forward pass."""

from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from diffchest.model.blocks import Attention, ResidualBlock, SingleConvBlock

BLOCKS = (Attention, ResidualBlock, SingleConvBlock)


def checkpoint_activations(model: nn.Module) -> None:
    """Let each block of `model` keep its input alone, and compute the rest again when the gradient comes to it.

    Gradients are the same to the last bit, with dropout too, whose random state is put back. Without gradients, as
    in the average model, nothing is kept anyway.
    """
    for block in model.modules():
        if isinstance(block, BLOCKS):
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
