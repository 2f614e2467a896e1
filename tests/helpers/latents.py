"""Latents as the head sees them."""

import numpy as np


def standardised(z: np.ndarray) -> np.ndarray:
    return (z - z.mean(axis=0, dtype=np.float64)) / z.std(axis=0, dtype=np.float64)
