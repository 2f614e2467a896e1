"""The diffusion process: schedule, objective, and the solvers that carry a radiograph to x_T and back."""

from diffchest.diffusion.ddim import ddim_decode, ddim_encode, ddim_timesteps
from diffchest.diffusion.dpm_solver import dpm_decode, dpm_encode, dpm_timesteps
from diffchest.diffusion.objective import denoising_errors, target
from diffchest.diffusion.schedule import Schedule, linear_schedule, to_epsilon, to_x0
from diffchest.diffusion.solvers import SOLVERS, Solver

__all__ = [
    "SOLVERS",
    "Schedule",
    "Solver",
    "ddim_decode",
    "ddim_encode",
    "ddim_timesteps",
    "denoising_errors",
    "dpm_decode",
    "dpm_encode",
    "dpm_timesteps",
    "linear_schedule",
    "target",
    "to_epsilon",
    "to_x0",
]
