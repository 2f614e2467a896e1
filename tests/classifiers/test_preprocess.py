"""What a classifier is fed, against torch's own antialiased resizing and against values worked out by hand."""

import numpy as np
import pytest
import torch

from diffchest.classifiers.preprocess import Picture, Pixels, as_uint8, check_pictures, network_input, scaled
from diffchest.errors import DataError
from tests.helpers.tiny_onnx import some_pictures

PICTURES = some_pictures(3, 12)
INNER = slice(2, -2)


def by_torch(size, mode, **more):
    x = torch.from_numpy(PICTURES[:, None].astype(np.float32))
    return torch.nn.functional.interpolate(x, size=size, mode=mode, **more)[:, 0].clamp(0, 255).numpy()


@pytest.mark.parametrize("size", [(6, 6), (5, 5), (24, 24), (8, 18)])
@pytest.mark.parametrize("resize", ["bilinear", "bicubic"])
def test_smooth_filters_are_those_of_torch_with_antialiasing(size, resize):
    found = scaled(PICTURES, Picture("bright_bone", size, resize))
    np.testing.assert_allclose(found, by_torch(size, resize, antialias=True, align_corners=False), atol=0.01)


def test_area_is_the_mean_of_blocks():
    found = scaled(PICTURES, Picture("bright_bone", (4, 6), "area"))
    np.testing.assert_allclose(found, PICTURES.reshape(3, 4, 3, 6, 2).mean(axis=(2, 4)), atol=1e-3)


def test_nearest_takes_the_pixel_under_the_middle():
    found = scaled(PICTURES, Picture("bright_bone", (5, 5), "nearest"))
    np.testing.assert_array_equal(found, by_torch((5, 5), "nearest-exact"))


def test_lanczos_keeps_what_is_flat_and_is_no_other_filter():
    flat = np.full((1, 12, 12), 77, np.uint8)
    np.testing.assert_allclose(scaled(flat, Picture("bright_bone", (5, 5), "lanczos")), 77, atol=1e-3)
    others = [scaled(PICTURES, Picture("bright_bone", (5, 5), name)) for name in ("bilinear", "bicubic", "lanczos")]
    assert all(np.abs(others[2] - other).max() > 1 for other in others[:2])


def test_overshoot_is_cut():
    edge = np.zeros((1, 8, 8), np.uint8)
    edge[:, :, 4:] = 255
    found = scaled(edge, Picture("bright_bone", (32, 32), "bicubic"))
    assert (found.min(), found.max()) == (0.0, 255.0)


def test_a_size_that_is_there_already_changes_nothing():
    np.testing.assert_array_equal(scaled(PICTURES, Picture("bright_bone", (12, 12), "lanczos")), PICTURES)
    np.testing.assert_array_equal(as_uint8(PICTURES, Picture("bright_bone")), PICTURES)


def test_fit():
    """12 x 12 to 4 x 8: squeezed by 3 and 1.5; padded: 4 x 4 in the middle; cropped: 8 x 8 without 2 rows each side."""
    pad = scaled(PICTURES, Picture("bright_bone", (4, 8), "area", "pad"))
    np.testing.assert_allclose(pad[:, :, 2:6], PICTURES.reshape(3, 4, 3, 4, 3).mean(axis=(2, 4)), atol=1e-3)
    assert not pad[:, :, :2].any()
    assert not pad[:, :, 6:].any()
    crop = scaled(PICTURES, Picture("bright_bone", (4, 8), "bilinear", "crop"))
    np.testing.assert_allclose(crop, by_torch((8, 8), "bilinear", antialias=True)[:, INNER], atol=0.01)
    squeeze = scaled(PICTURES, Picture("bright_bone", (4, 8), "bilinear", "squeeze"))
    np.testing.assert_allclose(squeeze, by_torch((4, 8), "bilinear", antialias=True), atol=0.01)


def test_the_middle_is_cut_out_after_scaling():
    found = scaled(PICTURES, Picture("bright_bone", None, crop=(8, 6)))
    np.testing.assert_array_equal(found, PICTURES[:, 2:10, 3:9])
    with pytest.raises(DataError, match=r"crop \[13, 13\] is larger than the picture \[12, 12\]"):
        scaled(PICTURES, Picture("bright_bone", None, crop=(13, 13)))


def test_dark_bone_is_turned_round_with_its_margin():
    found = scaled(PICTURES, Picture("dark_bone", (4, 8), "area", "pad"))
    np.testing.assert_allclose(found, 255 - scaled(PICTURES, Picture("bright_bone", (4, 8), "area", "pad")))
    assert (found[:, :, 0] == 255).all()


@pytest.mark.parametrize(
    ("low", "high", "mean", "sd", "black", "white"),
    [
        (0.0, 1.0, (0.0,), (1.0,), 0.0, 1.0),
        (-1024.0, 1024.0, (0.0,), (1.0,), -1024.0, 1024.0),
        (0.0, 1.0, (0.485,), (0.229,), -0.485 / 0.229, (1 - 0.485) / 0.229),
        (0.0, 255.0, (0.0,), (1.0,), 0.0, 255.0),
    ],
)
def test_black_and_white_in_each_range(low, high, mean, sd, black, white):
    ends = np.stack([np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)])
    x = network_input(ends, Picture("bright_bone"), Pixels((low, high), mean, sd, 1, "NCHW"))
    assert x.shape == (2, 1, 4, 4)
    np.testing.assert_allclose([x[0].max(), x[1].min()], [black, white], rtol=1e-5, atol=1e-6)


def test_layouts_hold_the_same_numbers():
    pixels = {"range": (0.0, 1.0), "mean": (0.1, 0.2, 0.3), "sd": (1.0, 2.0, 4.0), "channels": 3}
    first = network_input(PICTURES, Picture("bright_bone"), Pixels(**pixels, layout="NCHW"))
    last = network_input(PICTURES, Picture("bright_bone"), Pixels(**pixels, layout="NHWC"))
    assert (first.shape, last.shape, first.dtype) == ((3, 3, 12, 12), (3, 12, 12, 3), np.float32)
    np.testing.assert_array_equal(first, last.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("bad", [PICTURES.astype(np.float32), PICTURES[0], PICTURES[..., None]])
def test_other_arrays_are_no_pictures(bad):
    with pytest.raises(DataError, match=r"pictures must be uint8 \[N, H, W\]"):
        check_pictures(bad)
