"""The head as the authors train it."""

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from diffchest.probe.authors_recipe import train_head
from tests.helpers.latents import standardised


def test_the_authors_recipe_nears_the_optimum_with_samples_and_keeps_its_start_without(data):
    """Adam without a penalty ends near the unpenalised optimum; the average of few steps is still the random start."""
    z, y = data
    x, y = standardised(z), y[:, [0, 3, 4]]
    weight, bias = train_head(x, y, seed=0, samples=400_000)
    best = LogisticRegression(C=np.inf, tol=1e-8, max_iter=5000).fit(x, y[:, 0])
    assert np.abs(expit(x @ weight[0] + bias[0]) - best.predict_proba(x)[:, 1]).mean() < 0.03
    assert np.isnan(weight[2]).all()
    early = [train_head(x, y, seed=0, samples=samples)[0][0] for samples in (16, 3200)]
    assert np.linalg.norm(early[1] - early[0]) < 0.1 * np.linalg.norm(weight[0] - early[0])


def test_the_authors_recipe_leaves_out_what_was_not_assessed():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = (x[:, [0]] > 0) * 1.0
    y[(x[:, 0] > 0) & (rng.random(400) < 0.9)] = np.nan  # most positives: as negatives they would turn the sign round
    weight, _ = train_head(x, y, seed=0, samples=200_000)
    assert weight[0, 0] > 3 * np.abs(weight[0, 1:]).max()
