"""The network: four convolutions, pooled to their mean and their largest value, and a linear layer."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

WIDTHS = (1, 2, 4, 8)  # channels of each stage, in widths; each halves the side
POOLED = 2  # mean and maximum


class SmallCnn(nn.Module):
    """Logits [N, F] of standardised radiographs [N, 1, S, S], S at least 16.

    The maximum beside the mean: a device is a thin line, of which the mean over the whole picture is almost nothing.
    """

    def __init__(self, outputs: int, *, width: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # PyTorch's own initialisation, and nobody else's stream
            torch.manual_seed(seed)
            channels = [1, *(width * times for times in WIDTHS)]
            self.stages = nn.Sequential(*(_stage(before, after) for before, after in pairwise(channels)))
            self.head = nn.Linear(POOLED * channels[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, F] of x [N, 1, S, S]."""
        features = self.stages(x)
        return self.head(torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1))

    def start_at(self, rates: np.ndarray) -> None:
        """Let the untrained network say how frequent each finding is: rates [F], each between 0 and 1."""
        with torch.no_grad():
            self.head.bias.copy_(torch.from_numpy(np.log(rates / (1 - rates))))


def _stage(before: int, after: int) -> nn.Module:
    convolution = nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())
