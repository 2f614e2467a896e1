"""The tables of the evaluation against scikit-learn and counting; PCA features."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from diffchest.baselines.pca import pca_features
from diffchest.errors import DataError
from diffchest.evaluation.auc import auc_table
from diffchest.evaluation.comparison import comparison_metrics, comparison_table
from diffchest.evaluation.test_set import TestSet
from diffchest.params.baselines import PcaParams
from diffchest.params.evaluation import BootstrapParams, PermutationParams

BOOTSTRAP = BootstrapParams(unit="patient", resamples=200, confidence=0.95, seed=0)
TESTS = {"bootstrap": BOOTSTRAP, "permutation": PermutationParams(resamples=500, scores="rank", seed=0)}
N = 240


@pytest.fixture(scope="module")
def test_set() -> TestSet:
    rng = np.random.default_rng(0)
    y = (rng.random((N, 4)) < [0.5, 0.3, 0.2, 0.0]).astype(np.float32)
    y[:40, 1] = np.nan
    labels = pd.DataFrame(y, columns=["strong", "weak", "third", "absent"])
    return TestSet.choose(labels, np.arange(N) // 2, positives_above=5)


@pytest.fixture(scope="module")
def models(test_set) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(1)
    y = test_set.labels.fillna(0)
    ours = y * [3.0, 0.5, 0.8] + rng.normal(size=y.shape)
    return ours.assign(extra=0.0), 1 / (1 + np.exp(-(y * [0.5, 0.5, 0.8] + rng.normal(size=y.shape))))


def test_findings_with_few_positives_are_left_out(test_set):
    assert list(test_set.labels.columns) == ["strong", "weak", "third"]
    with pytest.raises(DataError, match=r"none of the 3 findings has more than 500 positives"):
        TestSet.choose(test_set.labels, test_set.patients, positives_above=500)


def test_auc_table_and_macro_auc(test_set, models):
    table, metrics = auc_table(test_set, models[0], model="ours", drawn={"strong"}, params=BOOTSTRAP)
    rows = table.set_index("finding")
    for finding in rows.index:
        known = test_set.labels[finding].notna()
        expected = roc_auc_score(test_set.labels.loc[known, finding], models[0].loc[known, finding])
        assert rows.loc[finding, "auc"] == pytest.approx(expected)
        assert rows.loc[finding, "n"] == known.sum()
        assert rows.loc[finding, "positives"] == (test_set.labels[finding] == 1).sum()
    assert table["auc"].is_monotonic_decreasing
    assert metrics["macro_auc"] == pytest.approx(table["auc"].mean())
    assert metrics["macro_auc_low"] < metrics["macro_auc"] < metrics["macro_auc_high"]
    assert metrics["macro_auc_high"] - metrics["macro_auc_low"] < (table["high"] - table["low"]).max()
    assert metrics["drawn_macro_auc"] == rows.loc["strong", "auc"]
    assert metrics["not_drawn_macro_auc"] == pytest.approx(rows.loc[["weak", "third"], "auc"].mean())
    assert metrics["at_least_0.9"] == (table["auc"] >= 0.9).sum()


def test_nothing_abnormal_is_no_finding_to_average(test_set, models):
    renamed = TestSet(test_set.labels.rename(columns={"weak": "No Finding"}), test_set.patients)
    scores = models[0].rename(columns={"weak": "No Finding"})
    table, metrics = auc_table(renamed, scores, model="ours", drawn=(), params=BOOTSTRAP)
    rows = table.set_index("finding")["auc"]
    assert len(rows) == 3
    assert metrics["macro_auc"] == pytest.approx(rows[["strong", "third"]].mean())


def test_real_radiographs_have_no_drawn_findings(test_set, models):
    table, metrics = auc_table(test_set, models[0], model="ours", drawn=(), params=BOOTSTRAP)
    assert not table["drawn"].any()
    assert "drawn_macro_auc" not in metrics


def test_comparison_finds_the_difference_that_is_there(test_set, models):
    table = comparison_table(test_set, *models, **TESTS).set_index("finding")
    strong = table.loc["strong"]
    assert strong["difference"] == pytest.approx(strong["auc"] - strong["reference_auc"])
    assert 0 < strong["difference_low"] < strong["difference"] < strong["difference_high"]
    assert strong["p_value"] == pytest.approx(1 / 501)
    assert strong["p_delong"] < 0.001
    assert (table["p_holm"] >= table["p_bh"]).all()
    assert (table["p_bh"] >= table["p_value"]).all()
    metrics = comparison_metrics(table, reference="pca")
    assert metrics["wins"] + metrics["ties"] + metrics["losses"] == metrics["findings"] == 3
    assert metrics["significant_holm"] >= 1


def test_a_model_against_itself_ties_everywhere(test_set, models):
    table = comparison_table(test_set, models[0], models[0], **TESTS)
    assert (table["p_value"] == 1).all()
    assert (table[["difference", "difference_low", "difference_high"]] == 0).all(axis=None)
    assert comparison_metrics(table, reference="itself")["ties"] == 3


def test_a_finding_only_one_model_scores_is_not_compared(test_set, models):
    table = comparison_table(test_set, models[0].drop(columns="weak"), models[1], **TESTS)
    assert sorted(table["finding"]) == ["strong", "third"]
    with pytest.raises(DataError, match="none of the 3 evaluated findings has scores of every model"):
        comparison_table(test_set, models[0][["extra"]], models[1], **TESTS)


def test_pca_features_keep_the_distances_of_low_rank_images():
    rng = np.random.default_rng(0)
    basis = rng.integers(0, 40, size=(3, 64))
    images = (rng.integers(0, 3, size=(1200, 3)) @ basis).astype(np.uint8).reshape(-1, 8, 8)
    features, same = pca_features(images[:300], images, images[:5], params=PcaParams(components=4, seed=0))
    np.testing.assert_allclose(pdist(features[:50]), pdist(images[:50].reshape(50, -1) / 255.0), atol=1e-4)
    np.testing.assert_allclose(same, features[:5], atol=1e-5)
    exact = PCA(3).fit(images[:300].reshape(300, -1) / 255.0).transform(images.reshape(1200, -1) / 255.0)
    np.testing.assert_allclose(np.abs(features[:, :3]), np.abs(exact), atol=1e-3)


def test_pca_takes_no_more_components_than_images_allow():
    images = np.random.default_rng(0).integers(0, 255, size=(6, 4, 4), dtype=np.uint8)
    assert pca_features(images, images, params=PcaParams(components=64, seed=0))[0].shape == (6, 5)
