"""Principal components as features."""

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA

from diffchest.baselines.pca import pca_features
from diffchest.params.baselines import PcaParams


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
