"""The linear head against scikit-learn, and the nesting of patient subsamples."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold

from diffchest.contracts.head import Head
from diffchest.errors import DataError
from diffchest.params.probe import ProbeParams
from diffchest.probe.authors_recipe import train_head
from diffchest.probe.fit import fit_head, head_table, subsample_patients
from diffchest.probe.logistic import choose_l2, fit_logistic

FINDINGS = ["common", "rare", "separable", "partly known", "never"]
PARAMS = ProbeParams(fraction=1.0, recipe="optimum", l2=1.0, l2_grid=[0.1, 10.0, 1000.0], folds=3, seed=0)


def fit(z, y, *, l2=1.0, patients=None, model_sha256="", **options) -> Head:
    """The head alone; two images of each patient."""
    patients = np.arange(len(z)) // 2 if patients is None else patients
    params = PARAMS.model_copy(update={"l2": l2, **options})
    return fit_head(z, y, patients, params=params, findings=FINDINGS[: y.shape[1]], model_sha256=model_sha256)[0]


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


@pytest.mark.parametrize("l2", [0.1, 1.0, 100.0])
def test_coefficients_are_those_of_scikit_learn(data, l2):
    z, y = data
    head = fit(z, y, l2=l2)
    x = (z - z.mean(axis=0, dtype=np.float64)) / z.std(axis=0, dtype=np.float64)
    for f in range(4):
        known = ~np.isnan(y[:, f])
        model = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=10_000).fit(x[known], y[known, f])
        assert np.linalg.norm(head.weight[f] - model.coef_[0]) < 1e-3 * np.linalg.norm(model.coef_)
        assert head.bias[f] == pytest.approx(model.intercept_[0], rel=1e-3, abs=1e-3)


def test_gradient_vanishes_at_the_optimum(data):
    z, y = data
    head = fit(z, y, l2=1.0)
    x = ((z - head.mean) / head.sd).astype(np.float64)
    residual = head.probabilities(z)[:, 0] - y[:, 0]
    gradient = x.T @ residual + head.weight[0]
    assert np.abs(gradient).max() < 0.01 * np.sqrt((x**2 * 0.25).sum(axis=0)).max()


def test_findings_do_not_influence_each_other(data):
    z, y = data
    together = fit(z, y, l2=1.0)
    alone = fit(z, y[:, [1]])
    np.testing.assert_allclose(alone.weight[0], together.weight[1], rtol=5e-3, atol=1e-3)


def test_finding_without_a_class_gets_nan_weights_and_others_do_not(data):
    z, y = data
    head = fit(z, y, l2=1.0)
    assert np.isnan(head.weight[4]).all()
    assert np.isnan(head.probabilities(z)[:, 4]).all()
    assert np.isfinite(head.probabilities(z)[:, :4]).all()


def test_constant_dimension_is_harmless(data):
    z, y = data
    constant = np.hstack([z, np.full((len(z), 1), 7.0, dtype=np.float32)])
    head = fit(constant, y[:, [0]])
    assert head.weight[0, -1] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(head.weight[0, :-1], fit(z, y[:, [0]]).weight[0], atol=2e-3)


def test_nan_latents_are_refused(data):
    z, y = data
    with pytest.raises(ValueError, match="NaN or infinite"):
        fit(np.where(z == z.max(), np.nan, z), y)


def test_head_survives_the_round_trip_in_equal_bytes(data, tmp_path):
    head = fit(*data, model_sha256="abc")
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path in paths:
        head.save(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again = Head.load(paths[0])
    assert (again.findings, again.model_sha256) == (FINDINGS, "abc")
    np.testing.assert_array_equal(again.logits(data[0]), head.logits(data[0]))


def test_missing_or_foreign_head_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.safetensors.*dvc repro fit_head"):
        Head.load(tmp_path / "none.safetensors")
    (tmp_path / "text").write_text("no head at all, but long enough to be read as one")
    with pytest.raises(DataError, match="not a head"):
        Head.load(tmp_path / "text")


@given(st.integers(1, 60), st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 9))
def test_subsamples_are_nested_and_independent_of_row_order(patients, fraction, other, seed):
    rows = np.random.default_rng(seed).permutation(np.repeat([f"p{number}" for number in range(patients)], 3))
    small, large = (subsample_patients(rows, part, seed) for part in sorted([fraction, other]))
    assert not (small & ~large).any()
    assert len(set(rows[small])) == small.sum() / 3 == max(1, round(min(fraction, other) * patients))
    order = np.random.default_rng(1).permutation(len(rows))
    np.testing.assert_array_equal(
        subsample_patients(rows[order], fraction, seed), subsample_patients(rows, fraction, seed)[order]
    )


def standardised(z: np.ndarray) -> np.ndarray:
    return (z - z.mean(axis=0, dtype=np.float64)) / z.std(axis=0, dtype=np.float64)


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


def test_each_finding_is_fitted_with_its_own_penalty(data):
    z, y = data
    params = PARAMS.model_copy(update={"l2": "cv"})
    head, penalty = fit_head(z, y, np.arange(len(z)), params=params, findings=FINDINGS)
    for f in range(4):
        np.testing.assert_allclose(head.weight[f], fit(z, y, l2=float(penalty[f])).weight[f], rtol=5e-3, atol=1e-3)
    assert np.isnan(penalty[4])
    table = head_table(head, pd.DataFrame(y, columns=FINDINGS), penalty).set_index("finding")
    assert table["fitted"].tolist() == [True] * 4 + [False]
    assert table.loc["partly known", "images"] == 1000
    assert table.loc["rare", "positives"] == (y[:, 1] == 1).sum()


def test_fewer_patients_than_folds_are_refused(data):
    z, y = data
    with pytest.raises(DataError, match=r"2 fine-tuning patients for 3 folds; lower probe\.folds"):
        fit(z, y, l2="cv", patients=np.arange(len(z)) % 2)


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
