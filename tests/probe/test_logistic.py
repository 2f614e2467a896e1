"""Penalised logistic regression against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold

from diffchest.probe.logistic import choose_l2, fit_logistic
from tests.helpers.latents import standardised

FINDINGS = ["common", "rare", "separable", "partly known", "never"]


def test_the_penalty_chosen_is_the_one_scikit_learn_finds_by_patient(data):
    z, y = data
    x, grid, patients = standardised(z), [0.01, 1.0, 30.0, 1000.0], np.arange(len(z)) // 3
    chosen = choose_l2(x[:600], y[:600], patients[:600], grid=grid, folds=4, seed=3)
    for f in range(4):
        known = ~np.isnan(y[:600, f])
        losses = np.zeros(len(grid))
        folds = GroupKFold(4, shuffle=True, random_state=3).split(x[:600], groups=patients[:600])
        for train, held_out in folds:
            train, held_out = train[known[train]], held_out[known[held_out]]
            if len(set(y[train, f])) == 2:
                for number, l2 in enumerate(grid):
                    model = LogisticRegression(C=1 / l2, tol=1e-8, max_iter=5000).fit(x[train], y[train, f])
                    probability = model.predict_proba(x[held_out])[:, 1]
                    losses[number] += log_loss(y[held_out, f], probability, normalize=False, labels=[0, 1])
        assert chosen[f] == grid[losses.argmin()], FINDINGS[f]
    assert len(set(chosen[:4])) > 1
    assert chosen[4] == grid[-1]  # no fold can tell: the cautious end


def test_many_findings_with_penalties_and_gaps_of_their_own_against_scikit_learn():
    """More findings than one block, penalties over eight decades, a fifth of the labels missing."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(400, 8)) @ rng.normal(size=(8, 8))
    y = (x @ rng.normal(size=(8, 70)) + 3 * rng.logistic(size=(400, 70)) > rng.normal(0, 3, 70)) * 1.0
    y[rng.random(y.shape) < 0.2] = np.nan
    y[:, 40] = 0
    l2 = 10.0 ** rng.uniform(-4, 4, 70)
    weight, bias = fit_logistic(x, y, l2=l2)
    assert np.isnan(weight[40]).all()
    for f in [0, 3, 33, 63, 64, 69]:
        known = ~np.isnan(y[:, f])
        model = LogisticRegression(C=1 / l2[f], solver="newton-cholesky", tol=1e-12).fit(x[known], y[known, f])
        np.testing.assert_allclose(weight[f], model.coef_[0], rtol=1e-4, atol=1e-6)
        assert bias[f] == pytest.approx(model.intercept_[0], rel=1e-4, abs=1e-6)
