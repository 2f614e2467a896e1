"""What a finding adds to z while everything else is held: the moves of the edit `alone`.

The finding's own coefficient of a multiple regression of the standardised latents on all labels, the view, sex and age.
A difference of means, by labels or by what the head says, carries what goes with the finding as well: an endotracheal
tube would bring the high diaphragms of bedside radiographs.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.mixture import GaussianMixture

from diffchest.counterfactuals.regression import Regression

# A finding shows in several ways when the radiographs that have it fall apart
WAYS_POSITIVES = 60  # ... of which there are at least so many
MAX_WAYS = 4
LEAST_SHARE = 0.12  # ... into parts that are not strays
SEPARATION = 4.0  # ... whose centres are so many standard deviations apart (Ashman et al. 1994: 2 are distinct)
DISTINCT = 2.5  # ... along directions with this many times the largest variance that chance would show


def fit_alone(
    z: np.ndarray,
    present: pd.DataFrame,
    held: pd.DataFrame,
    findings: Sequence[str],
    kinds: Mapping[str, Sequence[str]] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The moves `alone` [F, W, d] of each of `findings`, and the share [F, W] of each way; see `contracts.moves.Moves`.

    z: standardised latents [N, d]; present: 1, 0 or a probability for each radiograph and finding, all that are held;
    held: what else is held, see `covariates`; kinds: findings by what they are kinds of, besides those that are known
    (`findings.hierarchy`). A finding that is not among `present` has no move: NaN, share 0.
    """
    fitted = Regression.fit(z, present, held, kinds)
    whiten, found = _whitening(fitted.rest), []
    for finding in findings:
        if finding not in present.columns:
            found.append([])
            continue
        with_finding, move = fitted.present[finding].to_numpy() > 0.5, fitted.added(finding)
        found.append([(share, move + offset) for share, offset in ways(fitted.rest[with_finding], whiten)])
    number = max(map(len, found))
    alone, shares = np.full((len(found), number, z.shape[1]), np.nan), np.zeros((len(found), number))
    for row, of_finding in enumerate(found):
        for way, (share, move) in enumerate(of_finding):
            alone[row, way], shares[row, way] = move, share
    return alone, shares


def ways(rest: np.ndarray, whiten: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """In which ways a finding shows: the share of each, the most frequent first, and its offset [d] from the mean.

    rest: what the regression left of the radiographs with the finding [n, d]; whiten [d, d]: makes what it left of all
    radiographs white, in which a direction of larger variance than chance would show is the finding's own. The
    radiographs are split along the (at most two) largest ones, by the Gaussian mixture with the best BIC among those
    whose parts are far apart. One way, offset 0, where there is none.
    """
    one = [(1.0, np.zeros(rest.shape[1]))]
    n, d = rest.shape
    if n < WAYS_POSITIVES:
        return one
    white = rest @ whiten
    variance, directions = np.linalg.eigh(white.T @ white / n)
    by_chance = (1 + np.sqrt(d / n)) ** 2  # Marchenko and Pastur 1967
    number = min(2, int((variance > DISTINCT * by_chance).sum()))
    if not number:
        return one
    points = white @ directions[:, ::-1][:, :number]
    best, best_bic = np.zeros(n, dtype=int), _mixture(points, 1).bic(points)
    for parts in range(2, MAX_WAYS + 1):
        mixture = _mixture(points, parts)
        part = mixture.predict(points)
        shares = np.bincount(part, minlength=parts) / n
        if shares.min() >= LEAST_SHARE and _nearest(mixture) >= SEPARATION and mixture.bic(points) < best_bic:
            best, best_bic = part, mixture.bic(points)
    found = [(float(np.mean(best == part)), rest[best == part].mean(axis=0)) for part in np.unique(best)]
    return sorted(found, key=lambda way: -way[0]) if len(found) > 1 else one


def _mixture(points: np.ndarray, parts: int) -> GaussianMixture:
    return GaussianMixture(parts, covariance_type="tied", n_init=3, random_state=0).fit(points)


def _nearest(mixture: GaussianMixture) -> float:
    """The smallest Mahalanobis distance between two centres."""
    centres, precision = np.asarray(mixture.means_), np.asarray(mixture.precisions_)
    between = centres[:, None] - centres[None]
    distance = np.sqrt(np.einsum("abi,ij,abj->ab", between, precision, between))
    return float(distance[~np.eye(len(distance), dtype=bool)].min())


def _whitening(rest: np.ndarray) -> np.ndarray:
    """The symmetric [d, d] that makes rows of covariance that of `rest` white."""
    variance, axes = np.linalg.eigh(np.cov(rest, rowvar=False))
    return (axes / np.sqrt(np.maximum(variance, 1e-12))) @ axes.T
