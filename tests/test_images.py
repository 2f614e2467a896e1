"""Decoding against values that are known, scaling against scikit-image and closed forms."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage.transform import resize

from diffchest import images
from diffchest.errors import DataError
from diffchest.images import decode, decode_square, encode_square, from_model_range, to_model_range, to_square


def saved(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()


@pytest.fixture
def ramp():
    return np.linspace(0, 1, 12 * 16).reshape(12, 16)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_sixteen_bit_png_is_scaled_by_the_bits_stored(ramp, bits):
    largest = 2**bits - 1
    values = np.rint(ramp * largest).astype(np.uint16)
    data = saved(Image.fromarray(values))
    np.testing.assert_allclose(decode(data, bits_stored=bits), values / largest, atol=1e-6)
    np.testing.assert_array_equal(decode(data), decode(data, bits_stored=bits))
    np.testing.assert_allclose(decode(data, bits_stored=bits, invert=True), 1 - values / largest, atol=1e-6)
    assert len(np.unique(decode(data))) == ramp.size or bits < 12


def test_values_above_the_bits_stored_are_an_error(ramp):
    data = saved(Image.fromarray(np.rint(ramp * 4095).astype(np.uint16)))
    with pytest.raises(DataError, match="exceed the 10 bits"):
        decode(data, bits_stored=10)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "1"])
def test_eight_bit_modes(ramp, mode):
    gray = Image.fromarray(np.rint(ramp * 255).astype(np.uint8))
    expected = np.asarray(gray, dtype=float) / 255
    if mode == "1":
        gray, expected = gray.point(lambda value: 255 * (value > 127)), (expected > 0.5).astype(float)
    np.testing.assert_allclose(decode(saved(gray.convert(mode)), bits_stored=12), expected, atol=1 / 255)


def test_jpeg_gray_and_colour(ramp):
    gray = Image.fromarray(np.rint(ramp * 255).astype(np.uint8))
    for mode in ("L", "RGB"):
        np.testing.assert_allclose(decode(saved(gray.convert(mode), "JPEG", quality=98)), ramp, atol=0.02)


def test_sixteen_bit_colour_is_refused():
    header = b"\x89PNG\r\n\x1a\n"
    import struct
    import zlib

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"\0" + b"\x01\x00" * 3 * 2
    data = (
        header + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows * 2))
    )
    with pytest.raises(DataError, match="16-bit colour"):
        decode(data + chunk(b"IEND", b""))


def test_damaged_files_have_a_reason(ramp, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    for form in ("PNG", "JPEG"):
        data = saved(Image.fromarray(noise), form)
        with pytest.raises(DataError, match="truncated or damaged"):
            decode(data[: len(data) // 2])
        with pytest.raises(DataError, match="not a readable"):
            decode(data[:6])
    with pytest.raises(DataError, match="empty file"):
        decode(b"")
    with pytest.raises(DataError, match="not a readable"):
        decode(b"GIF89a not a radiograph")
    monkeypatch.setattr(images, "LARGEST", 100)
    with pytest.raises(DataError, match="more than 100 pixels"):
        decode(saved(Image.fromarray(noise)))


def test_a_decompression_bomb_is_not_decoded():
    data = saved(Image.new("1", (20_000, 10_000)))
    assert len(data) < 100_000
    with pytest.raises(DataError, match="more than 80,000,000 pixels"):
        decode(data)


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


def test_sixteen_bit_depth_survives_scaling():
    """A window of 64 of 4096 gray values: cut to 8 bits first, only 4 of them would be left."""
    values = np.tile(np.arange(2048, 2112, dtype=np.uint16), (64, 1))
    pixels = decode(saved(Image.fromarray(values)), bits_stored=12)
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
