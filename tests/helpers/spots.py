"""Radiographs with a bright square for each finding: what any classifier of pixels should learn in seconds."""

import numpy as np

from diffchest.params.small_cnn import SmallCnnTrainingParams

SIDE = 32
SETTINGS = SmallCnnTrainingParams(width=4, epochs=4, batch_size=32, learning_rate=0.01, shift=1, seed=0)


def spots(number, findings=2, seed=0):
    """Pictures uint8 [number, 32, 32] and labels float [number, findings]."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((number, findings)) < 0.4).astype(float)
    pictures = rng.integers(60, 120, (number, SIDE, SIDE), dtype=np.uint8)
    for column in range(findings):
        pictures[labels[:, column] == 1, 6:10, 4 + 10 * column : 8 + 10 * column] += 100
    return pictures, labels
