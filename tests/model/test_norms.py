"""GroupNorm in channels-last memory: torch's numbers, and no feature map copied to another layout."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.model.norms import GroupNorm
from tests.helpers.networks import randomised
from tests.helpers.tiny import tiny_params


def channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def test_channels_last_is_torchs_group_norm_and_so_is_its_gradient():
    norm, theirs = randomised(GroupNorm(3, 12)), torch.nn.GroupNorm(3, 12)
    theirs.load_state_dict(norm.state_dict())
    x = torch.randn(4, 12, 7, 5) * 3 + 20  # a mean far from zero
    outs, gradients, weight = [], [], torch.randn(4, 12, 7, 5)
    for layer, given in ((norm, channels_last(x)), (theirs, x.clone())):
        given.requires_grad_()
        outs.append(layer(given))
        (outs[-1] * weight).sum().backward()
        gradients.append([given.grad, layer.weight.grad, layer.bias.grad])
    torch.testing.assert_close(outs[0], outs[1].detach(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-3)
    assert outs[0].is_contiguous(memory_format=torch.channels_last)
    assert gradients[0][0].is_contiguous(memory_format=torch.channels_last)


def test_a_contiguous_map_takes_torchs_kernel_to_the_last_bit():
    norm, x = randomised(GroupNorm(3, 12)), torch.randn(4, 12, 7, 5)
    expected = torch.nn.functional.group_norm(x, 3, norm.weight, norm.bias, norm.eps)
    assert torch.equal(norm(x), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_statistics_of_half_precision_are_float32(dtype):
    """Squares beyond the range of fp16; the result has the precision of the map."""
    norm, x = GroupNorm(2, 8), channels_last((torch.randn(2, 8, 6, 6) * 300).to(dtype))
    expected = torch.nn.functional.group_norm(x.float().contiguous(), 2)
    with torch.autocast("cpu", dtype):
        found = norm(x)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), expected, rtol=1e-2, atol=1e-2)


class Layouts(TorchDispatchMode):
    """Operations that give a feature map of many channels in other memory than channels-last, or normalise by copy."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        maps = [each for each in (out if isinstance(out, tuple | list) else [out]) if isinstance(each, torch.Tensor)]
        maps = [each for each in maps if each.dim() == 4 and min(each.shape[1:]) > 3 and each.shape[2] == each.shape[3]]
        astray = any(each.stride(1) != 1 for each in maps)
        if astray or "native_group_norm" in str(func):
            self.found.append(f"{func} {[tuple(each.shape) for each in maps]}")
        return out


@pytest.mark.parametrize("how", ["single", "residual"])
def test_no_map_of_a_channels_last_network_is_copied_to_another_layout(how):
    """The network of the paper, narrow: forward and backward."""
    params = tiny_params(space_to_depth=1, latent_map_channels=0, position_frequencies=0, channels=3, base_channels=8)
    encoder = params.model.encoder.model_copy(update={"block": how, "pool": "average"})
    model = DiffusionAutoencoder(params.model.model_copy(update={"encoder": encoder}), params.diffusion, 16)
    model = randomised(model).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    x, t = channels_last(torch.randn(2, 3, 16, 16)), torch.tensor([3, 50])
    with Layouts() as seen:
        model(x, x.clone(), t).square().sum().backward()
    assert not seen.found
