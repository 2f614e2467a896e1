"""The linear head against scikit-learn, and the nesting of patient subsamples."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from diffchest.contracts.head import Head
from diffchest.errors import DataError
from diffchest.params.probe import ProbeParams
from diffchest.probe.fit import fit_head, head_table, subsample_patients

FINDINGS = ["common", "rare", "separable", "partly known", "never"]
PARAMS = ProbeParams(fraction=1.0, recipe="optimum", l2=1.0, l2_grid=[0.1, 10.0, 1000.0], folds=3, seed=0)


def fit(z, y, *, l2=1.0, patients=None, model_sha256="", **options) -> Head:
    """The head alone; two images of each patient."""
    patients = np.arange(len(z)) // 2 if patients is None else patients
    params = PARAMS.model_copy(update={"l2": l2, **options})
    return fit_head(z, y, patients, params=params, findings=FINDINGS[: y.shape[1]], model_sha256=model_sha256)[0]


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
