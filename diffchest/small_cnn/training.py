"""Training: cross-entropy of every finding where it was assessed, AdamW, one cycle of the learning rate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.lr_scheduler import OneCycleLR

from diffchest.errors import DataError
from diffchest.params.small_cnn import SmallCnnTrainingParams
from diffchest.progress import progress
from diffchest.small_cnn.network import SmallCnn

WEIGHT_DECAY = 0.01
WARM_UP = 0.25  # of the steps until the learning rate is highest
FEWEST = 8  # steps that a cycle can be divided into; a shorter training sees its beginning
WHITE = 255.0
SCORED = 512  # radiographs scored at a time
SAMPLE = 4096  # radiographs that mean and sd of the gray levels are taken from


@dataclass(frozen=True, eq=False)
class Trained:
    """A network on the CPU, the finding of each output, the side of its input, and what standardises that.

    Its input is (p / 255 - mean) / sd of gray levels p.
    """

    network: SmallCnn
    findings: list[str]
    size: int
    mean: float
    sd: float

    @torch.no_grad()
    def logits(self, pictures: np.ndarray) -> np.ndarray:
        """Logits float32 [N, F] of pictures uint8 [N, S, S]."""
        blocks = [pictures[start : start + SCORED] for start in range(0, len(pictures), SCORED)]
        scored = [self.network(standardised(block, self.mean, self.sd)).numpy() for block in blocks]
        return np.concatenate([np.empty((0, len(self.findings)), dtype=np.float32), *scored])


def train_cnn(
    pictures: np.ndarray,
    labels: np.ndarray,
    findings: Sequence[str],
    *,
    settings: SmallCnnTrainingParams,
    device: torch.device | None = None,
) -> Trained:
    """Train on pictures uint8 [N, S, S] and labels [N, F] (1, 0, or NaN: no part of the loss).

    The same arrays and settings give the same network on the same machine with as many threads. Raises `DataError` for
    a finding that lacks a class (see `with_both_classes`).
    """
    labels = np.asarray(labels, dtype=np.float32)
    lacking = [name for name, both in zip(findings, with_both_classes(labels), strict=True) if not both]
    if lacking or not findings:
        raise DataError(
            f"small_cnn: {', '.join(lacking) or 'no finding'} cannot be learnt from these {len(labels)} radiographs, "
            "which need some with and some without each finding; leave it out, or raise small_cnn.fraction"
        )
    device = device or torch.device("cpu")
    mean, sd = _gray_levels(pictures)
    network = SmallCnn(len(findings), width=settings.width, seed=settings.seed)
    network.start_at(np.asarray(np.nanmean(labels, axis=0, dtype=np.float64)))
    network.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    steps = settings.epochs * max(1, len(pictures) // settings.batch_size)
    adam = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=WEIGHT_DECAY, fused=True)
    cycle = OneCycleLR(adam, settings.learning_rate, total_steps=max(steps, FEWEST), pct_start=WARM_UP)
    network.train()
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        batches = progress(_shown(pictures, settings), total=steps, desc="train", unit="steps")
        for step, (rows, shown) in enumerate(batches):
            x = standardised(shown, mean, sd).to(device)
            loss = masked_loss(network(x), torch.from_numpy(labels[rows]).to(device))
            adam.zero_grad()
            loss.backward()
            adam.step()
            if step + 1 < steps:
                cycle.step()
    return Trained(network.cpu().eval(), list(findings), pictures.shape[-1], mean, sd)


def masked_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over radiographs and findings, both [N, F], in which a NaN label counts nothing."""
    known = ~labels.isnan()
    return binary_cross_entropy_with_logits(logits, labels.nan_to_num(), weight=known.to(logits.dtype))


def with_both_classes(labels: np.ndarray) -> NDArray[np.bool_]:
    """Which findings are there in some of the radiographs and not in others: labels [N, F] to bool [F]."""
    return (labels == 1).any(axis=0) & (labels == 0).any(axis=0)


def standardised(pictures: np.ndarray, mean: float, sd: float) -> Tensor:
    """The network's input float32 [N, 1, S, S] of pictures uint8 [N, S, S]."""
    x = torch.from_numpy(pictures).unsqueeze(1).to(torch.float32)
    return x.mul_(1 / (WHITE * sd)).sub_(mean / sd).contiguous(memory_format=torch.channels_last)


def shifted(pictures: np.ndarray, by: np.ndarray, most: int) -> np.ndarray:
    """Pictures [N, S, S] moved by [N, 2] pixels, each from -most to most; the edge is repeated where they leave it."""
    if most == 0:
        return np.ascontiguousarray(pictures)
    padded = np.pad(pictures, ((0, 0), (most, most), (most, most)), mode="edge")
    windows = sliding_window_view(padded, pictures.shape[1:], axis=(1, 2))  # pyright: ignore[reportCallIssue, reportArgumentType]
    down, right = (most - by).T
    return windows[np.arange(len(pictures)), down, right]


def _shown(pictures: np.ndarray, settings: SmallCnnTrainingParams) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of each batch and the pictures as shown; every radiograph once an epoch, but for less than a batch."""
    rng = np.random.default_rng(settings.seed)
    size = min(settings.batch_size, len(pictures))
    for _ in range(settings.epochs):
        order = rng.permutation(len(pictures))
        for start in range(0, len(pictures) - size + 1, size):
            rows = order[start : start + size]
            by = rng.integers(-settings.shift, settings.shift + 1, (size, 2))
            yield rows, shifted(pictures[rows], by, settings.shift)


def _gray_levels(pictures: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the gray levels, white 1, of radiographs spread over all."""
    some = pictures[:: -(-len(pictures) // SAMPLE)].astype(np.float32) / WHITE
    return round(float(some.mean()), 4), round(max(float(some.std()), 1 / WHITE), 4)
