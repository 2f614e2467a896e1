"""Where a change is kept, and that a picture does not depend on its company."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from diffchest.counterfactuals.differences import added, denoised_change, localised
from tests.helpers.toy_autoencoder import DIMENSIONS, LinearAutoencoder, toy_radiographs


def test_a_local_change_is_whole_within_its_region_and_nothing_elsewhere():
    rng = np.random.default_rng(0)
    change = rng.normal(0, 0.5, (2, 1, 64, 64)).astype(np.float32)
    change[0, 0, 20:30, 40:50] += 30
    kept = localised(change, 0.3)
    assert (kept[0, 0, 20:30, 40:50] == change[0, 0, 20:30, 40:50]).all()
    assert not kept[0, 0, :, :35].any()
    assert not kept[0, 0, 35:].any()
    for before, after in zip(change[:, 0], kept[:, 0], strict=True):
        size = np.abs(gaussian_filter(before, 1.0))
        assert (after[size > 0.3 * size.max()] == before[size > 0.3 * size.max()]).all()
    assert (localised(np.zeros_like(change), 0.3) == 0).all()


def test_added_changes_are_clipped_and_rounded():
    pixels = np.array([[[10, 250]]], dtype=np.uint8)
    assert added(pixels, np.array([[[[-20.0, 3.4]], [[0.6, 20.0]]]])).tolist() == [[[[0, 253]], [[11, 255]]]]


def test_a_change_does_not_depend_on_the_other_radiographs():
    model, rng = LinearAutoencoder(), np.random.default_rng(3)
    pixels, latents = toy_radiographs(5), rng.standard_normal((5, 3, DIMENSIONS)).astype(np.float32)
    options = {"noise_level": 0.3, "draws": 2}
    together = denoised_change(model, pixels, latents, batch_size=4, **options)  # type: ignore[arg-type]
    alone = denoised_change(model, pixels[3:4], latents[3:4], batch_size=100, **options)  # type: ignore[arg-type]
    assert together[3:4] == pytest.approx(alone, abs=1e-3)
    basis = model.basis.detach().numpy()
    expected = (latents[:, 1:] - latents[:, :1]) @ basis.T * 127.5
    assert together.reshape(5, 2, -1) == pytest.approx(expected, abs=0.02)
