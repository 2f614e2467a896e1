"""The diffusion process: schedule, objective, and the solvers that carry a radiograph to x_T and back."""
