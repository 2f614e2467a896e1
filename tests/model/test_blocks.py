"""The blocks of the networks against their formulas and torch's own."""

import pytest
import torch

from diffchest.model.blocks import Attention, ResidualBlock, timestep_embedding
from tests.helpers.networks import randomised


@torch.inference_mode()
def test_adagn_is_the_papers_formula():
    block = randomised(ResidualBlock(4, 4, time_dim=3, latent_dim=2, groups=2))
    x, time, z = torch.randn(2, 4, 5, 5), torch.randn(2, 3), torch.randn(2, 2)
    silu = torch.nn.functional.silu
    h = block.norm_2(block.conv_1(silu(block.norm_1(x))))
    scale, shift = (part[:, :, None, None] for part in block.time(time).chunk(2, dim=1))
    h = (1 + block.semantic(z)[:, :, None, None]) * ((1 + scale) * h + shift)
    assert torch.allclose(block(x, time, z), x + block.conv_2(silu(h)), atol=1e-5)


@torch.inference_mode()
def test_attention_is_torchs_multihead_attention():
    ours = randomised(Attention(8, heads=2, groups=4))
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    theirs.in_proj_weight.copy_(ours.qkv.weight)
    theirs.in_proj_bias.copy_(ours.qkv.bias)
    theirs.out_proj.load_state_dict(ours.project.state_dict())
    x = torch.randn(2, 8, 3, 3)
    tokens = ours.norm(x).flatten(2).transpose(1, 2)
    expected = x + theirs(tokens, tokens, tokens)[0].transpose(1, 2).reshape(x.shape)
    assert torch.allclose(ours(x), expected, atol=1e-5)


def test_timestep_embedding_starts_at_cosines_of_zero():
    assert timestep_embedding(torch.tensor([0]), 6).tolist() == [[1, 1, 1, 0, 0, 0]]
    assert timestep_embedding(torch.tensor([2]), 6)[0, 0].item() == pytest.approx(-0.41614684)
