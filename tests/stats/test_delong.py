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
