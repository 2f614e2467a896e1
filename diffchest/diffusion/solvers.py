"""The deterministic solvers by the name that `explain.solver` gives them."""

from typing import NamedTuple, Protocol

from torch import Tensor

from diffchest.diffusion.ddim import Denoiser, ddim_decode, ddim_encode
from diffchest.diffusion.dpm_solver import dpm_decode, dpm_encode
from diffchest.diffusion.schedule import Schedule


class Solve(Protocol):
    """One direction: a radiograph to x_T, or x_T to a radiograph."""

    def __call__(self, model: Denoiser, x: Tensor, z: Tensor, /, *, schedule: Schedule, steps: int) -> Tensor:
        """Return [N, C, H, W] for `x` [N, C, H, W] and `z` [N, d], after `steps` network evaluations."""
        ...


class Solver(NamedTuple):
    """Both directions."""

    encode: Solve
    decode: Solve


SOLVERS = {
    "ddim": Solver(ddim_encode, ddim_decode),
    "dpm_solver": Solver(dpm_encode, dpm_decode),
}
