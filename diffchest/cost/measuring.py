"""The training step measured on this machine, beside what its operations take by themselves.

The prediction never runs the step: its operations are listed on tensors without data (`traced`), each is called with
numbers of these shapes, strides and types, in the order of the step but without the network, gradients or data that
would join them, and timed by itself. What Python and autograd take between operations is measured on a chain of modules
that compute next to nothing. Tensors of one shape take turns, so that few are still in the processor's cache.
"""

import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_unflatten

from diffchest.compute.processes import ALONE
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.whole import Params
from diffchest.pretraining.state import TrainingState
from diffchest.pretraining.steps import accumulate_gradient, initial_state, trained_network

BETWEEN = "Python, autograd"
CHAIN = 200
TAKING_TURNS = 4
TURNS, FEWEST_TURNS = 12, 3
PRODUCTS = ("convolution", "mm", "addmm", "bmm", "scaled_dot_product")
KINDS = {"norm": "normalisation", "silu": "activation", "foreach": "optimiser, clipping", "adam": "optimiser, clipping"}


@dataclass(frozen=True)
class Shape:
    """A tensor without its values."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    def filled(self) -> Tensor:
        """Such a tensor: of numbers below 1, of integers 0, which is an index anywhere."""
        held = 1 + sum((length - 1) * step for length, step in zip(self.size, self.stride, strict=True))
        values = torch.empty(max(held, 0), dtype=self.dtype)
        values = values.uniform_(0.1, 0.9) if self.dtype.is_floating_point else values.zero_()
        return values.as_strided(self.size, self.stride)


@dataclass(frozen=True)
class Operation:
    """A call of one of PyTorch's operations, whatever the values."""

    function: Any
    arguments: tuple[Any, ...]  # shapes of tensors, and all else
    structure: Any

    @property
    def kind(self) -> str:
        """What it is, in words."""
        name = self.function.name().removeprefix("aten::")
        if any(name.lstrip("_").startswith(product) for product in PRODUCTS):
            return "convolutions, products"
        return next((kind for part, kind in KINDS.items() if part in name), "all else")

    def ready(self, pool: "Pool") -> Callable[[], Any]:
        """The operation with tensors of `pool`."""
        filled = [pool.next(part) if isinstance(part, Shape) else part for part in self.arguments]
        args, kwargs = tree_unflatten(filled, self.structure)
        return lambda: self.function(*args, **kwargs)


class Pool:
    """Tensors by shape, handed out in turn: at most `TAKING_TURNS` of a shape."""

    def __init__(self, operations: list[Operation]) -> None:
        wanted = Counter(part for one in operations for part in one.arguments if isinstance(part, Shape))
        self._tensors = {
            shape: cycle([shape.filled() for _ in range(min(TAKING_TURNS, number))]) for shape, number in wanted.items()
        }

    def next(self, shape: Shape) -> Tensor:
        """The next tensor of this shape."""
        return next(self._tensors[shape])


class Listed(TorchDispatchMode):
    """Lists operations as they are called."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note `func` and call it."""
        leaves, structure = tree_flatten((args, kwargs or {}))
        noted = tuple(_shape(leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves)
        noted = tuple(None if isinstance(leaf, torch.Generator) else leaf for leaf in noted)
        if func.namespace == "aten":
            self.operations.append(Operation(func, noted, structure))
        return func(*args, **(kwargs or {}))


def _shape(tensor: Tensor) -> Shape:
    return Shape(tuple(tensor.shape), tensor.stride(), tensor.dtype)


def traced(params: Params, number: int) -> list[Operation]:
    """The operations of the second step of `pretrain` on `number` images, in their order."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size)
        step = _step(params, TrainingState(model, params.pretrain), number)
        step()  # the first one makes the moments of Adam
        with Listed() as listed:
            step()
    return listed.operations


def _step(params: Params, state: TrainingState, number: int) -> Callable[[], None]:
    network = trained_network(state.model, params.pretrain, ALONE)
    pixels = torch.zeros(number, 1, params.images.size, params.images.size, dtype=torch.uint8)

    def step() -> None:
        batch = range(state.shown, state.shown + number)
        state.update(number, accumulate_gradient(network, state, batch, [(batch, pixels)], ALONE))

    return step


@dataclass(frozen=True)
class Measured:
    """Images/s of the step, what its operations alone allow, both by turns; seconds of a step by kind of operation."""

    images: int
    measured: list[float]
    predicted: list[float]
    kinds: dict[str, float]
    threads: int

    def median(self, rates: list[float]) -> float:
        """The median of the turns."""
        return statistics.median(rates)

    @property
    def ratio(self) -> float:
        """Median of predicted over measured images/s in the same turn."""
        return statistics.median(mine / seen for mine, seen in zip(self.predicted, self.measured, strict=True))


def measure(params: Params, number: int, *, seconds: float = 60.0) -> Measured:
    """Take turns, for about `seconds`: every operation alone, and the step as `pretrain` takes it on a CPU.

    Turns are short, so that what else the machine does slows both.
    """
    changed = params.pretrain.model_copy(update={"compile": False})
    params = params.model_copy(update={"pretrain": changed})
    operations = traced(params, number)
    settings, size, device = params.pretrain, params.images.size, torch.device("cpu")
    state = initial_state(params.model, params.diffusion, settings, image_size=size, device=device)
    step = _step(params, state, number)
    step()  # the first one makes the moments of Adam
    step()
    pool = Pool(operations)
    begun, measured, predicted = time.perf_counter(), [], []
    kinds = defaultdict[str, float](float)
    while len(measured) < TURNS and (
        len(measured) < FEWEST_TURNS or time.perf_counter() - begun < seconds * len(measured) / (len(measured) + 1)
    ):
        before = timed(step)
        alone = defaultdict[str, float](float)
        with torch.no_grad():
            for operation in operations:
                alone[operation.kind] += timed(operation.ready(pool))
        alone[BETWEEN] += between() * len(operations) / 2  # half of them are of the backward pass
        after = timed(step)
        measured.append(2 * number / (before + after))
        predicted.append(number / sum(alone.values()))
        for kind, spent in alone.items():
            kinds[kind] += spent
    mean = {kind: kinds[kind] / len(measured) for kind in sorted(kinds, key=kinds.__getitem__, reverse=True)}
    return Measured(number, measured, predicted, mean, torch.get_num_threads())


def between() -> float:
    """Seconds that a module's call and its gradient take besides the two operations, on tensors of one number."""
    chain = nn.Sequential(*(nn.SiLU() for _ in range(CHAIN)))
    x = torch.zeros(1, requires_grad=True)

    def alone() -> None:
        for _ in range(CHAIN):
            torch.ops.aten.silu.default(x)
            torch.ops.aten.silu_backward.default(x, x)

    chain(x).backward()
    both = timed(lambda: chain(x).backward())
    with torch.no_grad():
        return max(0.0, both - timed(alone)) / CHAIN


def timed(work: Callable[[], Any]) -> float:
    """Seconds that `work` takes; with one thread those of the processor, whatever else runs on it."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    begun = clock()
    work()
    return clock() - begun
