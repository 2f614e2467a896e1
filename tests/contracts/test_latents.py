"""The file of latents."""

import numpy as np
import pytest

from diffchest.contracts.latents import Latents
from diffchest.errors import DataError


def test_file_round_trip_is_deterministic(tmp_path):
    latents = Latents(np.array(["a/1", "b/22"]), np.arange(6, dtype=np.float32).reshape(2, 3), "f" * 64)
    latents.save(tmp_path / "latents.npz")
    first = (tmp_path / "latents.npz").read_bytes()
    latents.save(tmp_path / "latents.npz")
    assert (tmp_path / "latents.npz").read_bytes() == first
    loaded = Latents.load(tmp_path / "latents.npz")
    assert loaded.model_sha256 == "f" * 64
    np.testing.assert_array_equal(loaded.select(["b/22", "a/1"]), latents.z[::-1])


def test_missing_image_and_unusable_file_are_named(tmp_path):
    with pytest.raises(DataError, match="1 of 2 images have none, the first is 'b'"):
        Latents(np.array(["a"]), np.zeros((1, 2), np.float32), "").select(["a", "b"])
    path = tmp_path / "latents.npz"
    with pytest.raises(DataError, match="no such file"):
        Latents.load(path)
    path.write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(DataError, match="truncated or damaged"):
        Latents.load(path)
