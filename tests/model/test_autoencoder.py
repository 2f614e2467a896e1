import json
import math

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from diffchest.errors import DataError
from diffchest.model.authors.network import load_authors
from diffchest.model.autoencoder import load_autoencoder, position_encoding, save_autoencoder
from tests.helpers.networks import build, randomised


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"space_to_depth": 1, "channels": 3, "position_frequencies": 0},
        {"space_to_depth": 4, "attention_resolutions": []},
        {"channel_multipliers": [1, 2, 3], "attention_heads": 2, "residual_blocks": 2, "dropout": 0.1},
    ],
)
@torch.inference_mode()
def test_shapes_and_untrained_prediction_is_zero(changes):
    model = build(**changes)
    x = torch.rand(3, model.channels, 16, 16)
    z = model.encode(x)
    assert z.shape == (3, model.latent_dim)
    prediction = model.predict(x, torch.tensor([0, 50, 99]), z)
    assert prediction.shape == x.shape
    assert not prediction.any()


def test_each_image_is_denoised_on_its_own_time_and_latent():
    model = randomised(build())
    x, t, z = torch.rand(2, 1, 16, 16), torch.tensor([5, 60]), torch.randn(2, 4)
    both = model.predict(x, t, z)
    assert torch.allclose(both[1:], model.predict(x[1:], t[1:], z[1:]), atol=1e-5)
    assert not torch.allclose(both, model.predict(x, t.flip(0), z), atol=1e-3)
    assert not torch.allclose(both, model.predict(x, t, z.flip(0)), atol=1e-3)


def test_space_to_depth_folds_each_block_of_pixels():
    """With k = 2 a pixel influences, before any convolution, only the position of its 2 x 2 block."""
    model = build(position_frequencies=0)
    folded = model._fold(torch.arange(16.0).view(1, 1, 4, 4))
    assert folded[0, :, 0, 1].tolist() == [2.0, 3.0, 6.0, 7.0]


def test_position_channels_tell_all_places_apart():
    waves = position_encoding(16, 3)
    assert waves.shape == (12, 16, 16)
    places = waves.flatten(1).T
    assert torch.cdist(places, places).fill_diagonal_(9).min() > 0.1
    assert torch.allclose(waves[3, 4], torch.full((16,), math.cos(math.pi * 4.5 / 16)))  # along a row, nothing changes
    assert build(position_frequencies=0, latent_map_channels=0).unet.down[0][0].in_channels == 4
    assert build(position_frequencies=3).encoder.down[0][0].in_channels == 16


def test_a_file_alone_rebuilds_the_model(tmp_path):
    path = tmp_path / "models" / "model.safetensors"
    model = randomised(build(diffusion={"prediction": "epsilon", "beta_end": 0.03}))
    save_autoencoder(path, model)
    loaded = load_autoencoder(path)
    assert (loaded.prediction, loaded.image_size, loaded.latent_dim, loaded.channels) == ("epsilon", 16, 4, 1)
    assert torch.equal(loaded.schedule.alpha_bar, model.schedule.alpha_bar)
    x = torch.rand(2, 1, 16, 16)
    assert torch.equal(loaded.encode(x), model.encode(x))
    assert not loaded.training
    first, sha = path.read_bytes(), loaded.sha256
    save_autoencoder(path, model)
    assert path.read_bytes() == first
    assert len(sha) == 64


def test_unusable_files_are_named(tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(DataError, match=r"model\.safetensors: no such file"):
        load_autoencoder(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(DataError, match="not a DiffChest model"):
        load_autoencoder(path)
    save_autoencoder(path, build())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a DiffChest model"):
        load_autoencoder(path)


def test_misfitting_tensors_are_listed(tmp_path):
    path = tmp_path / "model.safetensors"
    save_autoencoder(path, build())
    with safe_open(path, "pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors["unet.norm.bias"] = torch.zeros(3)
    tensors["extra"] = tensors.pop("unet.conv.bias")
    save_file(tensors, path, metadata)
    with pytest.raises(DataError, match=r"(?s)3 tensor.*missing unet\.conv\.bias.*unexpected extra.*unet\.norm\.bias"):
        load_autoencoder(path)
    assert json.loads(metadata["diffchest"])["image_size"] == 16


def test_a_foreign_checkpoint_is_not_the_authors(tmp_path):
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {"ema_model.x": torch.zeros(1)}}, path)
    with pytest.raises(DataError, match="not a checkpoint of the authors"):
        load_authors(path)
