"""Scores of two models for the same labels."""

import numpy as np


def two_models(n: int = 60, seed: int = 0, *, ties: bool = False):
    rng = np.random.default_rng(seed)
    y = rng.permutation((np.arange(n) < n // 3).astype(float))
    a, b = rng.normal(size=(2, n)) + y * [[1.2], [0.5]]
    return y, *((np.round(a), np.round(b)) if ties else (a, b))
