"""The linear head against scikit-learn, and the nesting of patient subsamples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from diffchest.errors import DataError
from diffchest.probe import Head, fit_head, subsample_patients

FINDINGS = ["common", "rare", "separable", "partly known", "never"]


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
    head = fit_head(z, y, l2=l2, findings=FINDINGS)
    x = (z - z.mean(axis=0, dtype=np.float64)) / z.std(axis=0, dtype=np.float64)
    for f in range(4):
        known = ~np.isnan(y[:, f])
        model = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=10_000).fit(x[known], y[known, f])
        assert np.linalg.norm(head.weight[f] - model.coef_[0]) < 1e-3 * np.linalg.norm(model.coef_)
        assert head.bias[f] == pytest.approx(model.intercept_[0], rel=1e-3, abs=1e-3)


def test_gradient_vanishes_at_the_optimum(data):
    z, y = data
    head = fit_head(z, y, l2=1.0, findings=FINDINGS)
    x = ((z - head.mean) / head.sd).astype(np.float64)
    residual = head.probabilities(z)[:, 0] - y[:, 0]
    gradient = x.T @ residual + head.weight[0]
    assert np.abs(gradient).max() < 0.01 * np.sqrt((x**2 * 0.25).sum(axis=0)).max()


def test_findings_do_not_influence_each_other(data):
    z, y = data
    together = fit_head(z, y, l2=1.0, findings=FINDINGS)
    alone = fit_head(z, y[:, [1]], l2=1.0, findings=["rare"])
    np.testing.assert_allclose(alone.weight[0], together.weight[1], rtol=5e-3, atol=1e-3)


def test_finding_without_a_class_gets_nan_weights_and_others_do_not(data):
    z, y = data
    head = fit_head(z, y, l2=1.0, findings=FINDINGS)
    assert np.isnan(head.weight[4]).all()
    assert np.isnan(head.probabilities(z)[:, 4]).all()
    assert np.isfinite(head.probabilities(z)[:, :4]).all()


def test_constant_dimension_is_harmless(data):
    z, y = data
    constant = np.hstack([z, np.full((len(z), 1), 7.0, dtype=np.float32)])
    head = fit_head(constant, y[:, [0]], l2=1.0, findings=["common"])
    assert head.weight[0, -1] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(head.weight[0, :-1], fit_head(z, y[:, [0]], l2=1.0, findings=["a"]).weight[0], atol=2e-3)


def test_nan_latents_are_refused(data):
    z, y = data
    with pytest.raises(ValueError, match="NaN or infinite"):
        fit_head(np.where(z == z.max(), np.nan, z), y, l2=1.0, findings=FINDINGS)


def test_head_survives_the_round_trip_in_equal_bytes(data, tmp_path):
    head = fit_head(*data, l2=1.0, findings=FINDINGS, model_sha256="abc")
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
