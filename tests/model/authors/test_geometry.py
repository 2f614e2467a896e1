"""The geometry of a network, read from its tensors."""

import pytest
from safetensors.torch import save_file

from diffchest.errors import DataError
from diffchest.model.authors.network import load_authors
from tests.helpers.authors_files import save_checkpoint, state_of


@pytest.mark.parametrize(
    "changes",
    [
        {"channel_multipliers": [1, 2, 3]},
        {"channel_multipliers": [1, 1, 2, 2], "residual_blocks": 2, "size": 128},
        {"channel_multipliers": [1, 2], "residual_blocks": 3, "attention_resolutions": [16, 8], "size": 16},
        {"channels": 1, "latent_dim": 6, "time_dim": 12},
    ],
)
@pytest.mark.parametrize("beside", [True, False])  # with x_T, or as in a safetensors file
def test_geometry_is_read_from_the_tensors(tmp_path, changes, beside):
    state, params = state_of(beside=beside, **changes)
    path = tmp_path / "last.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    model = load_authors(path)
    assert model.image_size == changes.get("size", 32)
    assert model.params == params


def test_image_size_can_be_given(tmp_path):
    state, _ = state_of(beside=False)
    path = save_checkpoint(tmp_path / "last.ckpt", state)
    model = load_authors(path, image_size=64)
    assert (model.image_size, model.params.attention_resolutions) == (64, [32])
    with pytest.raises(DataError, match=r"image size 30 px, expected a multiple of 4"):
        load_authors(path, image_size=30)
    path = save_checkpoint(tmp_path / "last.ckpt", state_of(beside=False, attention_resolutions=[])[0])
    with pytest.raises(DataError, match=r"no level has attention; give `--image-size`"):
        load_authors(path)
    assert load_authors(path, image_size=64).image_size == 64
