"""What of a classifier's scores the latents can tell: a linear regression of its logits on z."""

from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV

from diffchest.classifiers.agreement import PENALTIES


def fit_surrogate(z: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression of logits [N, K] on standardised z [N, d]: weight float64 [K, d] and bias [K].

    Each output has the penalty of the smallest leave-one-out error.
    """
    if not logits.shape[1]:
        return np.zeros((0, z.shape[1])), np.zeros(0)
    fitted: Any = RidgeCV(PENALTIES, alpha_per_target=True).fit(z.astype(np.float64), logits.astype(np.float64))
    return fitted.coef_.reshape(logits.shape[1], z.shape[1]), np.reshape(fitted.intercept_, logits.shape[1])
