import numpy as np
import pytest
import torch
from scipy.special import expit

from diffchest.small_cnn.network import SmallCnn


@pytest.mark.parametrize(("images", "side"), [(1, 16), (5, 64), (2, 100)])
def test_logits_of_any_side(images, side):
    network = SmallCnn(3, width=2, seed=0).eval()
    assert network(torch.zeros(images, 1, side, side)).shape == (images, 3)


def test_each_stage_has_twice_the_channels_of_the_one_before():
    convolutions = [part for part in SmallCnn(7, width=16, seed=0).modules() if isinstance(part, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [16, 32, 64, 128]


def test_the_seed_alone_determines_the_first_weights_and_no_other_stream_is_touched():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, same, other = (SmallCnn(2, width=2, seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_a_line_of_a_few_pixels_reaches_the_output_by_the_maximum():
    """Where the mean over the picture hardly moves."""
    network = SmallCnn(1, width=2, seed=0).eval()
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.ones_(network.head.weight[:, 16:])  # the maxima
    picture = torch.zeros(1, 1, 64, 64)
    line = picture.clone()
    line[..., 20:24, 30] = 5
    assert abs(network(line) - network(picture)).item() > 1e-3


def test_the_untrained_network_says_the_rates():
    network = SmallCnn(2, width=2, seed=0).eval()
    torch.nn.init.zeros_(network.head.weight)
    network.start_at(np.array([0.1, 0.7]))
    assert expit(network(torch.zeros(1, 1, 16, 16)).detach().numpy())[0] == pytest.approx([0.1, 0.7], abs=1e-6)
