"""Parameters, FLOPs and memory of the networks, counted on tensors that have a shape and no data.

FLOPs are those of convolutions and matrix products, a multiplication and an addition each (`torch.utils.flop_counter`).
Memory is that of the tensors alive at a time: what the allocator rounds up, workspaces and the device's own are not in
it.
"""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.flop_counter import FlopCounterMode

from diffchest.diffusion.objective import denoising_errors
from diffchest.model.activation_checkpointing import checkpoint_activations
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.pretraining import Precision
from diffchest.params.whole import Params

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
STATE_BYTES = 16  # of a parameter: weight, average (EMA) and both moments of Adam, float32
GRADIENT_BYTES = 4


def cast_as_cuda(model: nn.Module, half: torch.dtype) -> None:
    """Let the layers of `model` compute in the types that they have on a GPU under autocast, where there is none.

    Products in the lower precision (the tables in PyTorch's documentation of `torch.amp`), the normalisation in float32
    with a result in the precision of its input (`model/norms.py`, in the layout of GPUs). Inside the layers, so that
    what a checkpoint computes again is cast as well; attention follows its projections.
    """
    for layer in model.modules():
        if isinstance(layer, nn.GroupNorm):
            layer.forward = partial(_normalising, layer)  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(layer, nn.Conv2d | nn.Linear):
            casting = partial(_casting, layer.forward, half)
            layer.forward = casting  # pyright: ignore[reportAttributeAccessIssue]


class _Cast(TorchFunctionMode):
    """Casts the floating-point tensors of every function."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = tree_map(lambda part: _cast(part, self._dtype), (args, kwargs or {}))
        return func(*args, **kwargs)


def _casting(forward: Callable[..., Tensor], dtype: torch.dtype, x: Tensor) -> Tensor:
    with _Cast(dtype):
        return forward(x)


def _normalising(layer: nn.GroupNorm, x: Tensor) -> Tensor:
    return nn.functional.group_norm(x.float(), layer.num_groups, layer.weight, layer.bias, layer.eps).to(x.dtype)


def _cast(part: Any, dtype: torch.dtype) -> Any:
    return part.to(dtype) if isinstance(part, Tensor) and part.is_floating_point() else part


@dataclass(frozen=True)
class Counted:
    """Of one pass: FLOPs, operations that touch data, and the bytes alive after each besides what was there before."""

    flops: int
    calls: int
    alive: list[int]

    @property
    def peak_bytes(self) -> int:
        """Most bytes alive at a time."""
        return max(self.alive)


class Alive(TorchDispatchMode):
    """Counts operations that make something, and bytes of the storages that they make while these are alive."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.bytes, self.alive = 0, 0, [0]
        self._storages: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call `func`, and note what it returns."""
        made = func(*args, **(kwargs or {}))
        self.calls += not getattr(func, "is_view", False)
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self.note(tensor)
        self.alive.append(self.bytes)
        return made

    def note(self, tensor: Tensor) -> None:
        """Count the storage of `tensor` until nothing holds it."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self._storages:
            self._storages.add(key)
            self.bytes += size
            weakref.finalize(storage, self._freed, key, size)

    def _freed(self, key: int, size: int) -> None:
        self._storages.discard(key)
        self.bytes -= size


def parameters(network: nn.Module) -> int:
    """How many weights a network has."""
    return sum(weight.numel() for weight in network.parameters())


def network(params: Params) -> DiffusionAutoencoder:
    """The model without data."""
    with torch.device("meta"):
        return DiffusionAutoencoder(params.model, params.diffusion, params.images.size)


def training_pass(params: Params, number: int, precision: Precision | None = None) -> Counted:
    """Forward and backward pass of `number` images as `pretrain` takes them; precision: None: that of `pretrain`."""
    model, half = network(params).train(), DTYPES.get(precision or params.pretrain.precision)
    if half is not None:
        cast_as_cuda(model, half)
    if params.pretrain.activation_checkpointing:
        checkpoint_activations(model)
    shape = (number, params.model.channels, params.images.size, params.images.size)
    x, noise = torch.empty(shape, device="meta"), torch.empty(shape, device="meta")
    t = torch.zeros(number, dtype=torch.int64, device="meta")

    def step() -> None:
        errors = denoising_errors(model, x, t, noise, schedule=model.schedule, prediction=model.prediction)
        errors.sum().backward()

    return _counted(step)


def encoder_pass(params: Params, number: int) -> Counted:
    """Radiographs to z."""
    model, size = network(params).eval(), params.images.size
    x = torch.empty(number, params.model.channels, size, size, device="meta")
    return _counted(lambda: model.encode(x), gradients=False)


def denoising_pass(params: Params, number: int) -> Counted:
    """One evaluation of the U-Net, as a solver takes it."""
    model, size = network(params).eval(), params.images.size
    x = torch.empty(number, params.model.channels, size, size, device="meta")
    t = torch.zeros(number, dtype=torch.int64, device="meta")
    z = torch.empty(number, params.model.latent_dim, device="meta")
    return _counted(lambda: model.predict(x, t, z), gradients=False)


def step_bytes(params: Params, number: int, precision: Precision | None = None) -> int:
    """Bytes of a training step that takes `number` images at a time: weights, optimiser, average, activations.

    Where that is less than the batch, the gradient of the parts before is there too.
    """
    weights = parameters(network(params))
    accumulated = GRADIENT_BYTES * weights if number < params.pretrain.batch_size else 0
    return training_pass(params, number, precision).peak_bytes + STATE_BYTES * weights + accumulated


def step_bytes_by_number(params: Params, numbers: Sequence[int], precision: Precision) -> dict[int, int]:
    """`step_bytes` by images at once, each a batch of its own, from two counts.

    After every operation a part of the bytes grows with the images and the rest does not; which moment is the peak
    depends on their number.
    """
    few, many = 2, 4
    first, last = (np.array(training_pass(params, number, precision).alive) for number in (few, many))
    each = (last - first) / (many - few)
    weights = STATE_BYTES * parameters(network(params))
    return {number: weights + round((first + (number - few) * each).max()) for number in numbers}


def _counted(work: Callable[[], Any], *, gradients: bool = True) -> Counted:
    # the fused attention has no formula for FLOPs on a CPU; as matrix products it has the same
    with torch.set_grad_enabled(gradients), sdpa_kernel(SDPBackend.MATH):
        with Alive() as alive:
            work()
        with FlopCounterMode(display=False) as counter:  # which holds on to what checkpoints have computed again
            work()
    return Counted(counter.get_total_flops(), alive.calls, alive.alive)
