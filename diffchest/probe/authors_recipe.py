"""The head as the authors train it, for comparison: Adam on small batches, the average of the weights taken."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Floats = NDArray[np.float64]
SAMPLES = 600_000
BATCH = 16
LEARNING_RATE = 1e-3
AVERAGE_DECAY = 0.9999  # over few samples the average keeps much of the random start


def train_head(x: Floats, y: Floats, *, seed: int, samples: int = SAMPLES) -> tuple[Floats, Floats]:
    """Weights [F, d] and biases [F] of a linear layer trained by Adam, averaged exponentially over the steps.

    x [N, d]: standardised latents; y [N, F]: 1, 0 or NaN (a loss of 0). The rows are shuffled anew whenever
    all have been shown. NaN for a finding that lacks a class.
    """
    rows, labels = torch.from_numpy(x).float(), torch.from_numpy(y).float()
    known = ~labels.isnan()
    labels = labels.nan_to_num()
    generator = torch.Generator().manual_seed(seed)
    layer = nn.utils.skip_init(nn.Linear, x.shape[1], y.shape[1])
    bound = x.shape[1] ** -0.5  # PyTorch's own initialisation, from our generator
    for tensor in layer.parameters():
        nn.init.uniform_(tensor, -bound, bound, generator=generator)
    average = AveragedModel(layer, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE_DECAY))
    adam = torch.optim.Adam(layer.parameters(), lr=LEARNING_RATE, fused=True)
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(max(1, samples // BATCH)):
        while len(order) < BATCH:
            order = torch.cat([order, torch.randperm(len(rows), generator=generator)])
        batch, order = order[:BATCH], order[BATCH:]
        loss = binary_cross_entropy_with_logits(layer(rows[batch]), labels[batch], weight=known[batch].float())
        adam.zero_grad()
        loss.backward()
        adam.step()
        average.update_parameters(layer)
    lacking = ~((y == 1).any(axis=0) & (y == 0).any(axis=0))
    weight, bias = (tensor.detach().double().numpy() for tensor in average.module.parameters())
    return np.where(lacking[:, None], np.nan, weight), np.where(lacking, np.nan, bias)
