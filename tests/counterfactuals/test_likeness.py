"""How far a radiograph lies from the others, against SciPy and covariances computed without it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from diffchest.contracts.moves import QUANTILES
from diffchest.counterfactuals.likeness import distance_quantiles, distances
from tests.helpers.toy_autoencoder import DIMENSIONS, toy_head, toy_moves

RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(DIMENSIONS, DIMENSIONS))


def test_distances_are_mahalanobis_of_the_standardised_latent():
    head, z = toy_head(), RNG.normal(size=(7, DIMENSIONS))
    covariance, centre = MIX @ MIX.T, RNG.normal(size=DIMENSIONS)
    moves = replace(toy_moves(head, covariance), centre=centre)
    standard, precision = (z - head.mean) / head.sd, np.linalg.inv(covariance)
    expected = [mahalanobis(row, centre, precision) / np.sqrt(DIMENSIONS) for row in standard]
    assert distances(z, head, moves) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("number", [12, 60])
def test_quantiles_are_of_each_radiograph_from_all_others(number):
    z = RNG.normal(size=(number, DIMENSIONS)) @ MIX + 3
    found = []
    for row in range(number):
        others = np.delete(z, row, axis=0)
        precision = np.linalg.inv(np.cov(others, rowvar=False))
        found.append(mahalanobis(z[row], others.mean(axis=0), precision) / np.sqrt(DIMENSIONS))
    assert distance_quantiles(z) == pytest.approx(np.quantile(found, QUANTILES), rel=1e-8)


def test_a_new_radiograph_of_the_same_kind_lies_beyond_a_quantile_as_often_as_it_says():
    """Also of few: compared with themselves, those fitted on would lie nearer than new ones."""
    d, number = 40, 120
    z, new = RNG.normal(size=(number, d)), RNG.normal(size=(4000, d))
    precision = np.linalg.inv(np.cov(z, rowvar=False))
    centred = new - z.mean(axis=0)
    distance = np.sqrt(np.sum(centred @ precision * centred, axis=1) / d)
    half, most, _, _ = distance_quantiles(z)
    assert (distance < half).mean() == pytest.approx(0.5, abs=0.1)
    assert (distance < most).mean() == pytest.approx(0.95, abs=0.05)


def test_fewer_radiographs_than_dimensions_leave_finite_quantiles():
    assert np.isfinite(distance_quantiles(RNG.normal(size=(5, DIMENSIONS)))).all()
