"""The diffusion process: schedule, objective, DDIM."""

from diffchest.diffusion.ddim import ddim_decode, ddim_encode, ddim_timesteps
from diffchest.diffusion.objective import denoising_errors, target
from diffchest.diffusion.schedule import Schedule, linear_schedule, to_epsilon, to_x0

__all__ = [
    "Schedule",
    "ddim_decode",
    "ddim_encode",
    "ddim_timesteps",
    "denoising_errors",
    "linear_schedule",
    "target",
    "to_epsilon",
    "to_x0",
]
