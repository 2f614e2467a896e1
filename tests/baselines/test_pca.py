"""Principal components as features."""

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA

from diffchest.baselines import pca
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


def test_pca_reads_blocks_and_finds_the_components_of_the_whole(monkeypatch):
    """Of noisy images whose spectrum falls slowly, read a few at a time, against the exact decomposition."""
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(20, 64)) * (0.8 ** np.arange(20))[:, None]
    images = np.clip(128 + 20 * rng.normal(size=(400, 20)) @ mixing + rng.normal(size=(400, 64)), 0, 255)
    images = images.astype(np.uint8).reshape(-1, 8, 8)
    read = []

    class Counted:
        def __len__(self):
            return len(images)

        def __getitem__(self, rows):
            block = images[rows]
            read.append(len(block))
            return block

    monkeypatch.setattr(pca, "BLOCK_BYTES", 64 * 4 * 30)
    features = pca_features(Counted(), images, params=PcaParams(components=6, seed=0))[0]
    assert max(read) == 30
    exact = PCA(6, svd_solver="full").fit_transform(images.reshape(400, -1) / 255.0)
    np.testing.assert_allclose(np.abs(features), np.abs(exact), atol=2e-3)


def test_pca_takes_no_more_components_than_images_allow():
    images = np.random.default_rng(0).integers(0, 255, size=(6, 4, 4), dtype=np.uint8)
    assert pca_features(images, images, params=PcaParams(components=64, seed=0))[0].shape == (6, 5)
