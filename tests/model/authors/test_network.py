"""The authors' tensors in our network."""

import pytest
import torch

from diffchest.errors import DataError
from diffchest.model.authors.network import load_authors
from tests.helpers.authors_files import save_checkpoint, state_of


def test_misfitting_tensors_are_listed_by_the_authors_names(tmp_path):
    state, _ = state_of()
    del state["ema_model.input_blocks.1.0.out_layers.3.bias"], state["ema_model.time_embed.time_embed.0.weight"]
    state["ema_model.middle_block.1.qkv.weight"] = torch.zeros(7, 16, 1)
    state["ema_model.latent_net.0.weight"] = torch.zeros(2)
    state["optimizer"] = torch.zeros(2)
    with pytest.raises(DataError) as caught:
        load_authors(save_checkpoint(tmp_path / "last.ckpt", state))
    assert str(caught.value).splitlines()[1:] == [
        "  missing ema_model.time_embed.time_embed.0.weight (16, 8)",
        "  missing ema_model.input_blocks.1.0.out_layers.3.bias (8,)",
        "  unexpected ema_model.latent_net.0.weight",
        "  unexpected optimizer",
        "  ema_model.middle_block.1.qkv.weight is (7, 16), expected (48, 16)",
    ]


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("ema_model.input_blocks.0.", r"no tensors at all in ema_model\.input_blocks\.0;"),
        ("ema_model.output_blocks.3.", r"no tensors at all in ema_model\.output_blocks\.3;"),
        ("ema_model.encoder.input_blocks.2.", r"no tensors at all in ema_model\.encoder\.input_blocks\.2;"),
        ("ema_model.encoder.", r"4 steps of the U-Net \(2 levels\) and 0 of the encoder"),
        ("ema_model.output_blocks.1.", r"no tensors at all in ema_model\.output_blocks\.1;"),
        (
            "ema_model.input_blocks.3.0.in_layers.2.w",
            r"\n  missing ema_model\.input_blocks\.3\.0\.in_layers\.2\.weight",
        ),
        ("ema_model.encoder.out.3.", r"\n  missing ema_model\.encoder\.out\.3\.weight"),
        ("ema_model.", "not a checkpoint of the authors"),
    ],
)
def test_missing_parts_are_named(tmp_path, removed, message):
    state = {name: tensor for name, tensor in state_of()[0].items() if not name.startswith(removed)}
    with pytest.raises(DataError, match=message):
        load_authors(save_checkpoint(tmp_path / "last.ckpt", state))


@pytest.mark.parametrize("shape", [(), (0, 3, 3, 3), (8,), (0,)])
def test_nonsense_shapes_are_errors(tmp_path, shape):
    for name in ("input_blocks.0.0.weight", "encoder.input_blocks.1.0.in_layers.2.weight", "middle_block.1.qkv.weight"):
        state = {**state_of()[0], f"ema_model.{name}": torch.zeros(shape)}
        with pytest.raises(DataError, match=name):
            load_authors(save_checkpoint(tmp_path / "last.ckpt", state))
