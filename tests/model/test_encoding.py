import numpy as np
import pytest
import torch

from diffchest.compute.parts import Parts
from diffchest.compute.processes import Processes
from diffchest.errors import DataError
from diffchest.images.squares import to_model_range
from diffchest.model import encoding as latents_module
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.model.encoding import encode, extract_latents
from tests.helpers.tiny import FakeStore, tiny_params


@pytest.fixture
def model():
    params = tiny_params()
    torch.manual_seed(0)
    return DiffusionAutoencoder(params.model, params.diffusion, params.images.size).eval()


def test_every_image_has_the_latent_of_its_own_pixels(model, tmp_path):
    store = FakeStore(images=10)
    ids = sorted(store.pixels)[::-1]
    latents = extract_latents(model, store, ids, batch_size=4, parts=Parts(tmp_path / "runs"))
    assert latents is not None
    assert latents.image_id.tolist() == ids
    assert latents.z.dtype == np.float32
    with torch.inference_mode():
        alone = model.encode(torch.from_numpy(to_model_range(store.read(["fake/003"]))))
    np.testing.assert_allclose(latents.select(["fake/003"]), alone.numpy(), atol=1e-6)


def test_encoding_in_memory_and_from_a_store_are_the_same_bits(model, tmp_path):
    """Batches of 4: what the network makes of them one by one, and what is written for all."""
    store = FakeStore(images=10)
    ids = sorted(store.pixels)
    z = encode(model, store.read(ids), 4)
    assert z.dtype == np.float32
    with torch.inference_mode():
        batches = [model.encode(torch.from_numpy(to_model_range(store.read(ids[at : at + 4])))) for at in (0, 4, 8)]
    np.testing.assert_array_equal(z, torch.cat(batches).numpy())
    latents = extract_latents(model, store, ids, batch_size=4, parts=Parts(tmp_path / "runs"))
    assert latents is not None
    np.testing.assert_array_equal(latents.z, z)


def test_no_images_have_no_latents(model, tmp_path):
    assert encode(model, np.empty((0, 16, 16), np.uint8), 4).shape == (0, model.latent_dim)
    latents = extract_latents(model, FakeStore(images=3), [], batch_size=4, parts=Parts(tmp_path / "runs"))
    assert latents is not None
    assert latents.z.shape == (0, model.latent_dim)


def test_latents_that_are_not_finite_are_refused(model, tmp_path):
    torch.nn.init.constant_(model.encoder.head.bias, float("nan"))
    with pytest.raises(DataError, match="not finite"):
        extract_latents(model, FakeStore(images=3), ["fake/000"], batch_size=2, parts=Parts(tmp_path / "runs"))


def test_an_interrupted_run_goes_on_with_the_parts_that_are_missing(model, tmp_path, monkeypatch):
    """The second of two processes alone, then the first: every part is encoded once, and z is that of one process."""
    store = FakeStore(images=30)
    ids = sorted(store.pixels)
    whole = extract_latents(model, store, ids, batch_size=4, parts=Parts(tmp_path / "whole"))
    monkeypatch.setattr(latents_module, "PART", 8)
    monkeypatch.setattr(Processes, "wait", lambda processes: None)
    monkeypatch.setattr(Processes, "share", lambda processes, value: value)
    assert extract_latents(model, store, ids, batch_size=4, parts=Parts(tmp_path / "runs", Processes(1, 2))) is None
    assert len(list(tmp_path.glob("runs/*/*.npz"))) == 2
    read, asked = store.read, []
    monkeypatch.setattr(store, "read", lambda image_ids: asked.extend(image_ids) or read(image_ids))
    resumed = extract_latents(model, store, ids, batch_size=4, parts=Parts(tmp_path / "runs"))
    assert asked == ids[:8] + ids[16:24]
    assert whole is not None
    assert resumed is not None
    np.testing.assert_array_equal(resumed.z, whole.z)
    store.pixels[ids[0]] = store.pixels[ids[0]] + 1
    other = extract_latents(model, store, ids, batch_size=4, parts=Parts(tmp_path / "runs"), store_version="changed")
    assert other is not None
    assert (other.z[0] != whole.z[0]).any()
