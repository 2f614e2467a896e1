"""Scaling against scikit-image and closed forms, codecs against each other."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage.transform import resize

from diffchest.images.decoding import decode
from diffchest.images.squares import decode_square, encode_square, from_model_range, to_model_range, to_square


@pytest.mark.parametrize(
    ("shape", "rows", "columns"), [((40, 20), 10, 5), ((20, 40), 5, 10), ((7, 7), 10, 10), ((1, 50), 1, 10)]
)
def test_aspect_is_kept_and_padding_is_black_and_centred(shape, rows, columns):
    square = to_square(np.ones(shape, dtype=np.float32), 10)
    assert square.dtype == np.uint8
    filled = square == 255
    assert filled.any(axis=1).sum() == rows
    assert filled.any(axis=0).sum() == columns
    assert filled.sum() == rows * columns
    top, left = np.argwhere(filled)[0]
    assert (top, left) == ((10 - rows) // 2, (10 - columns) // 2)


def test_scaling_is_antialiased():
    y, x = np.mgrid[0:512, 0:512] / 512
    picture = (0.5 + 0.25 * np.sin(9 * x) + 0.2 * np.cos(7 * y)).astype(np.float32)
    stripes = picture + 0.04 * np.where(np.arange(512) % 2, 1, -1)
    expected = resize(picture, (64, 64), order=1, anti_aliasing=True)
    np.testing.assert_allclose(to_square(stripes.astype(np.float32), 64) / 255, expected, atol=0.02)


def test_eight_bit_images_are_scaled_as_in_float():
    y, x = np.mgrid[0:600, 0:500]
    picture = np.rint(127.5 + 80 * np.sin(x * y / 9000) + 45 * np.cos(x / 3)).astype(np.uint8)
    difference = np.abs(to_square(picture, 128) - to_square(picture / np.float32(255), 128).astype(int))
    assert difference.max() <= 3
    assert difference.mean() < 0.3
    np.testing.assert_array_equal(to_square(picture[:128, :128], 128), picture[:128, :128])


def test_sixteen_bit_depth_survives_scaling():
    """A window of 64 of 4096 gray values: cut to 8 bits first, only 4 of them would be left."""
    values = np.tile(np.arange(2048, 2112, dtype=np.uint16), (64, 1))
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="PNG")
    pixels = decode(buffer.getvalue(), bits_stored=12)
    scaled = (to_square((pixels - pixels.min()) / np.ptp(pixels), 32)[16]).astype(int)
    assert len(np.unique(scaled)) == 32


@pytest.mark.parametrize("codec", ["raw", "png", "jpeg"])
def test_codecs(codec):
    y, x = np.mgrid[0:32, 0:32]
    square = np.rint(120 + 60 * np.sin(x / 7) + 50 * np.cos(y / 9)).astype(np.uint8)
    back = decode_square(encode_square(square, codec), codec, 32)
    np.testing.assert_allclose(back.astype(int), square.astype(int), atol=4 if codec == "jpeg" else 0)


def test_model_range_round_trip():
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    x = to_model_range(every)
    assert x.shape == (1, 1, 16, 16)
    assert x.dtype == np.float32
    assert (x.min(), x.max()) == (-1.0, 1.0)
    np.testing.assert_array_equal(from_model_range(x), every)
    np.testing.assert_array_equal(from_model_range(np.repeat(x, 3, axis=1)), every)
    assert from_model_range(np.full((1, 1, 2, 2), 7.0)).tolist() == [[[255, 255], [255, 255]]]
