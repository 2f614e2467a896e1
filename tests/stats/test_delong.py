"""DeLong's test by its definition."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from sklearn.metrics import roc_auc_score

from diffchest.stats import delong_test, permutation_test, roc_auc
from tests.helpers.two_models import two_models


def delong_by_definition(y, a, b):
    """DeLong 1988, equations 4 to 8, pair by pair."""

    def components(score):
        x, z = score[y == 1], score[y == 0]
        kernel = (x[:, None] > z).astype(float) + 0.5 * (x[:, None] == z)
        return kernel.mean(axis=1), kernel.mean(axis=0)

    v10, v01 = zip(components(a), components(b), strict=True)
    covariance = np.cov(v10) / (y == 1).sum() + np.cov(v01) / (y == 0).sum()
    contrast = np.array([1, -1])
    difference, se = contrast @ np.mean(v10, axis=1), np.sqrt(contrast @ covariance @ contrast)
    return difference, se, 2 * scipy_stats.norm.sf(abs(difference) / se)


@pytest.mark.parametrize("ties", [False, True])
def test_delong_by_its_definition(ties):
    for seed in range(5):
        y, a, b = two_models(seed=seed, ties=ties)
        ours = delong_test(y, a, b)
        expected = delong_by_definition(y, a, b)
        np.testing.assert_allclose([ours.difference[0], ours.se[0], ours.p_value[0]], expected)


@pytest.mark.parametrize("finding", ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"])
def test_six_public_models_on_the_real_chexpert_test_set(shared, finding):
    """Real scores, which lie on six different scales; some models share a column."""
    folder = shared / "data" / "chexpert_test"
    truth = pd.read_csv(folder / "groundtruth.csv").set_index("Study")
    tables = [pd.read_csv(path).set_index("Study").loc[truth.index] for path in sorted(folder.glob("models/*.csv"))]
    assert len(tables) == 6
    y, scores = truth[finding].to_numpy(), [table[finding].to_numpy() for table in tables]
    for score in scores:
        assert roc_auc(y, score) == pytest.approx(roc_auc_score(y, score))
    for a, b in itertools.combinations(scores, 2):
        delong, swapped = delong_test(y, a, b), permutation_test(y, a, b, resamples=1000, seed=0)
        if np.array_equal(a, b):
            assert delong.p_value[0] == swapped.p_value[0] == 1
        else:
            np.testing.assert_allclose(delong.p_value[0], delong_by_definition(y, a, b)[2], rtol=1e-6)
            assert swapped.p_value[0] == pytest.approx(delong.p_value[0], abs=0.15)


def images_of_patients(seed, images=3):
    """Labels by image, two scores that share a patient's part, and the patients."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(60), rng.integers(1, images + 1, size=60))
    own = rng.normal(size=60)[patients]
    y = (own + rng.normal(size=len(patients)) > 0.7).astype(float)
    return y, *(1.2 * y + own + rng.normal(size=len(patients)) for _ in range(2)), patients


def test_one_image_a_patient_is_the_ordinary_test():
    y, a, b = two_models(seed=3)
    alone, grouped = delong_test(y, a, b), delong_test(y, a, b, groups=np.arange(len(y))[::-1])
    np.testing.assert_array_equal(grouped.difference, alone.difference)
    np.testing.assert_allclose(grouped.se, delong_by_definition(y, a, b)[1], rtol=1e-12)


def test_clustered_variance_by_the_pairs_of_its_definition():
    """Obuchowski 1997, equations 2 to 5, cluster by cluster."""
    y, a, b, patients = images_of_patients(0)

    def sums(score):
        kernel = (score[y == 1][:, None] > score[y == 0]).astype(float)
        tens, ones = kernel.mean(axis=1), kernel.mean(axis=0)
        rows = []
        for patient in np.unique(patients):
            mine = (patients == patient)[y == 1], (patients == patient)[y == 0]
            rows.append((tens[mine[0]].sum(), ones[mine[1]].sum(), mine[0].sum(), mine[1].sum()))
        return kernel.mean(), np.array(rows)

    (auc_a, parts_a), (auc_b, parts_b) = sums(a), sums(b)
    m, n = parts_a[:, 2], parts_a[:, 3]
    d10 = (parts_a[:, 0] - m * auc_a) - (parts_b[:, 0] - m * auc_b)
    d01 = (parts_a[:, 1] - n * auc_a) - (parts_b[:, 1] - n * auc_b)
    clusters, with_positive, with_negative = len(m), (m > 0).sum(), (n > 0).sum()
    s10 = with_positive / ((with_positive - 1) * m.sum()) * (d10**2).sum()
    s01 = with_negative / ((with_negative - 1) * n.sum()) * (d01**2).sum()
    s11 = clusters / (clusters - 1) * (d10 * d01).sum()
    expected = s10 / m.sum() + s01 / n.sum() + 2 * s11 / (m.sum() * n.sum())
    result = delong_test(y, a, b, groups=patients)
    assert result.difference[0] == pytest.approx(auc_a - auc_b)
    assert result.se[0] == pytest.approx(np.sqrt(expected))
    assert result.se[0] != pytest.approx(delong_test(y, a, b).se[0], rel=0.01)


def test_clustered_error_is_that_of_a_jackknife_by_patient():
    ratios = []
    for seed in range(6):
        y, a, b, patients = images_of_patients(seed)
        left_out = [
            roc_auc_score(y[kept], a[kept]) - roc_auc_score(y[kept], b[kept])
            for kept in (patients != patient for patient in np.unique(patients))
        ]
        jackknife = np.sqrt((len(left_out) - 1) * np.var(left_out))
        ratios.append(delong_test(y, a, b, groups=patients).se[0] / jackknife)
    assert ratios == pytest.approx([1] * 6, abs=0.04)


def test_one_positive_has_a_difference_and_no_test():
    y, a, b = np.eye(1, 30)[0], np.arange(30.0), -np.arange(30.0)
    result = delong_test(y, a, b)
    assert result.difference[0] == roc_auc(y, a) - roc_auc(y, b) == -1
    assert np.isnan([result.se[0], result.p_value[0]]).all()
