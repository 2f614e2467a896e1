"""The honest floor: a linear head on the principal components of the pixels."""

import numpy as np
from sklearn.decomposition import PCA

from diffchest.params.baselines import PcaParams

FIT_ROWS = 10_000  # images that determine the components; more changes them little
BLOCK = 1024  # images projected at a time


def pca_features(fit: np.ndarray, *images: np.ndarray, params: PcaParams) -> list[np.ndarray]:
    """Project `images` (each uint8 [N, H, W]) on the principal components of `fit` (uint8 [M, H, W]).

    Randomised SVD with a fixed seed (Halko et al. 2011). Returns float32 [N, k] per array, k = `params.components` or
    what the images allow.
    """
    components = min(params.components, len(fit) - 1, fit[0].size)
    pca = PCA(components, svd_solver="randomized", random_state=params.seed, copy=False)
    pca.fit(_rows(fit))
    return [_project(pca, array) for array in images]


def _project(pca: PCA, images: np.ndarray) -> np.ndarray:
    """A block of images at a time: as floats, all of them need not fit into memory."""
    features = np.empty((len(images), pca.n_components_), dtype=np.float32)
    for start in range(0, len(images), BLOCK):
        features[start : start + BLOCK] = pca.transform(_rows(images[start : start + BLOCK]))
    return features


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255.0
