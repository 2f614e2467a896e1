"""Fixtures shared by the tests of this room."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """Correlated latents of unequal scale, and labels of five kinds."""
    rng = np.random.default_rng(0)
    z = (rng.normal(size=(1500, 12)) @ rng.normal(size=(12, 12)) * np.geomspace(0.01, 30, 12) + 5).astype(np.float32)
    x = (z - z.mean(axis=0)) / z.std(axis=0)
    drive = x @ rng.normal(size=12)
    noisy = drive + 2 * rng.logistic(size=1500)
    y = np.stack([noisy > 0, noisy > np.quantile(noisy, 0.99), drive > 1, noisy > 1, np.zeros(1500)], axis=1) * 1.0
    y[::3, 3] = np.nan
    return z, y
