"""How far a radiograph lies from those that head and moves were fitted on: is the model asked about what it has seen?

A Mahalanobis distance of z over sqrt(d), so that 1 is ordinary. A z far out is one that the head extrapolates to.
"""

import numpy as np

from diffchest.contracts.head import Head
from diffchest.contracts.moves import QUANTILES, Moves

LEAST = 1e-9  # of what is left of a scatter without one radiograph: with as few radiographs as dimensions, nothing


def distances(z: np.ndarray, head: Head, moves: Moves) -> np.ndarray:
    """The distance [N] of unnormalised latents [N, d] from the centre of the fine-tuning radiographs."""
    return np.sqrt(_squares(((z - head.mean) / head.sd).astype(np.float64) - moves.centre, moves.covariance))


def distance_quantiles(z: np.ndarray) -> np.ndarray:
    """The `QUANTILES` of the distance of each radiograph from all others: what a new one of their kind would have.

    z: standardised latents [N, d]. Centre and covariance are those of the other N - 1, in closed form: a radiograph
    that is among those it is compared with lies nearer than a new one, the more so the fewer they are.
    """
    number, d = z.shape
    square = d * _squares(z - z.mean(axis=0), np.atleast_2d(np.cov(z, rowvar=False)))
    own = square / (number - 1)  # of the scatter matrix, from which one is taken away (Sherman and Morrison 1950)
    left = np.maximum(1.0 - own * number / (number - 1), LEAST)
    others = (number - 2) * (number / (number - 1)) ** 2 * own / left
    return np.quantile(np.sqrt(others / d), QUANTILES)


def _squares(centred: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis lengths [N] of [N, d], over d."""
    precision = np.linalg.pinv(covariance, hermitian=True)
    return np.maximum(np.sum((centred @ precision) * centred, axis=1), 0.0) / centred.shape[1]
