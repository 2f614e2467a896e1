"""The semantic encoder."""

import torch

from tests.helpers.networks import build
from tests.helpers.tiny import tiny_params


def test_encoder_of_two_convolutions():
    encoder = tiny_params().model.encoder.model_copy(update={"block": "residual"})
    assert sum(p.numel() for p in build(encoder=encoder).encoder.parameters()) > sum(
        p.numel() for p in build().encoder.parameters()
    )


@torch.inference_mode()
def test_only_the_flattened_encoder_sees_where_a_feature_is():
    params = tiny_params(position_frequencies=0).model
    features = torch.rand(1, 16, 4, 4)
    moved = features.flip(3)  # the same features in other places; GroupNorm cannot tell
    for pool, sees in (("average", False), ("flatten", True)):
        encoder = build(encoder=params.encoder.model_copy(update={"pool": pool})).encoder
        encoder.down, encoder.middle = torch.nn.Identity(), torch.nn.Identity()
        assert torch.allclose(encoder(features), encoder(moved), atol=1e-6) != sees
