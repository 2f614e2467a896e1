"""PNG and JPEG files against values that are known; bombs and files that are no radiographs."""

import io
import struct
import tracemalloc
import warnings
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageFile

from diffchest.errors import DataError
from diffchest.images import pixel_limits
from diffchest.images.decoding import JPEG_SIGNATURE, PNG_SIGNATURE, decode, quiet_decoders


def saved(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, bits, colour, rows):
    """A PNG file from parts: `rows` are the bytes that its IDAT chunk holds deflated."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


@pytest.fixture
def refused(monkeypatch):
    """A check that a file is refused for a reason, and that its pixels are not decoded to find it."""

    def check(data, reason):
        with monkeypatch.context() as patch:
            patch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail(f"{image} was decoded"))
            with pytest.raises(DataError, match=reason):
                decode(data)

    return check


@pytest.fixture
def ramp():
    return np.linspace(0, 1, 24 * 32).reshape(24, 32)


@pytest.fixture
def gray(ramp):
    return Image.fromarray(np.rint(ramp * 255).astype(np.uint8))


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_sixteen_bit_png_is_scaled_by_the_bits_stored(ramp, bits):
    largest = 2**bits - 1
    values = np.rint(ramp * largest).astype(np.uint16)
    data = saved(Image.fromarray(values))
    np.testing.assert_allclose(decode(data, bits_stored=bits), values / largest, atol=1e-6)
    np.testing.assert_allclose(decode(data), values / 65535, atol=1e-6)  # the samples of a PNG span all of its bits
    np.testing.assert_allclose(decode(data, bits_stored=bits, invert=True), 1 - values / largest, atol=1e-6)
    assert len(np.unique(decode(data))) == len(np.unique(values))


def test_values_above_the_bits_stored_are_an_error(ramp):
    data = saved(Image.fromarray(np.rint(ramp * 4095).astype(np.uint16)))
    with pytest.raises(DataError, match=r"to 4095\) exceed the 10 bits"):
        decode(data, bits_stored=10)


def test_a_burnt_in_mark_above_the_bits_stored_is_white():
    values = np.linspace(0, 4095, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    values[0, :4] = 65535  # one in a thousand
    expected = np.minimum(values / 4095, 1)
    np.testing.assert_allclose(decode(saved(Image.fromarray(values)), bits_stored=12), expected, atol=1e-6)
    values[0] = 65535
    with pytest.raises(DataError, match=r"to 65535\) exceed the 12 bits"):
        decode(saved(Image.fromarray(values)), bits_stored=12)


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize(("orientation", "turn"), [(1, lambda a: a), (3, lambda a: a[::-1, ::-1]), (6, np.rot90)])
def test_turned_as_an_orientation_mark_says(gray, form, orientation, turn):
    """Exif 2.32: 6 says that the first row is the right side, so that turning it anticlockwise gives the stored rows."""
    mark = Image.Exif()
    mark[0x0112] = orientation
    stored = turn(np.asarray(gray))
    data = saved(Image.fromarray(np.ascontiguousarray(stored)), form, exif=mark)
    np.testing.assert_allclose(decode(data).astype(int), np.asarray(gray), atol=0 if form == "PNG" else 12)


@pytest.mark.parametrize("bits", [12, 16])
def test_jpeg_of_more_than_eight_bits_is_told(bits):
    values = np.linspace(0, 4095, 32 * 32).astype(np.uint16).reshape(32, 32)
    data = bytes(imagecodecs.jpeg8_encode(values, bitspersample=bits, lossless=bits == 16))
    with pytest.raises(DataError, match=f"JPEG of {bits} bits a sample, expected 8; store 16-bit gray PNG"):
        decode(data)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "1"])
def test_eight_bit_modes(ramp, gray, mode):
    if mode == "1":
        gray = gray.point(lambda value: 255 * (value > 127))
    data = saved(gray.convert(mode))
    pixels = decode(data, bits_stored=12)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.asarray(gray))
    np.testing.assert_array_equal(decode(data, invert=True), 255 - np.asarray(gray))


def test_colour_becomes_luma_of_bt_601():
    colours = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    luma = colours @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(decode(saved(Image.fromarray(colours))), luma, atol=0.75)
    palette = Image.fromarray(colours).quantize(64)
    expected = np.asarray(palette.convert("RGB")) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(decode(saved(palette)), expected, atol=0.75)


def test_transparency_is_ignored(ramp, gray):
    """A pixel keeps its colour: what lies under a radiograph is not known."""
    for alpha in (0, 128):
        image = gray.convert("RGBA")
        image.putalpha(alpha)
        np.testing.assert_array_equal(decode(saved(image)), np.asarray(gray))
    np.testing.assert_array_equal(decode(saved(gray, transparency=0)), np.asarray(gray))
    np.testing.assert_array_equal(decode(saved(gray.convert("P"), transparency=0)), np.asarray(gray))


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["sequential", "progressive"])
def test_jpeg_gray_and_colour(ramp, gray, options):
    for mode in ("L", "RGB"):
        data = saved(gray.convert(mode), "JPEG", quality=98, **options)
        np.testing.assert_allclose(decode(data) / 255, ramp, atol=0.02)
        np.testing.assert_allclose(decode(data, invert=True) / 255, 1 - ramp, atol=0.02)


def test_cmyk_jpeg_as_adobe_writes_it(ramp, gray):
    """Ink is stored inverted: K 255 means no black ink, white paper."""
    ink = np.zeros((*ramp.shape, 4), dtype=np.uint8)
    ink[..., 3] = 255 - np.asarray(gray)
    data = saved(Image.frombytes("CMYK", (32, 24), ink.tobytes()), "JPEG", quality=98)
    assert b"Adobe" in data
    np.testing.assert_allclose(decode(data) / 255, ramp, atol=0.02)


@pytest.mark.parametrize("colour", [2, 4, 6])
def test_sixteen_bit_colour_is_refused(colour):
    samples = {2: 3, 4: 2, 6: 4}[colour]
    data = png(20, 20, 16, colour, (b"\0" + b"\x01\x00" * samples * 20) * 20)
    with pytest.raises(DataError, match="16-bit PNG with colour or transparency"):
        decode(data)


def test_damaged_files_have_a_reason():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    for form in ("PNG", "JPEG"):
        data = saved(noise, form)
        for length in (len(data) // 2, 10):
            with pytest.raises(DataError, match=rf"truncated or damaged \({form}: "):
                decode(data[:length])


@pytest.mark.parametrize(
    "data", [b"GIF89a no radiograph", b"P5 16 16 255 ", bytes(500), b"\x89PNG", b"DICM", b"<html>", b"II*\0"]
)
def test_other_files_are_named_as_such(data):
    with pytest.raises(DataError, match=r"^not a PNG, JPEG or DICOM file$"):
        decode(data)
    with pytest.raises(DataError, match=r"^empty file$"):
        decode(b"")


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (400, 15)])
def test_an_icon_is_no_radiograph(size):
    for form in ("PNG", "JPEG"):
        with pytest.raises(DataError, match=r"^smaller than 16 x 16 pixels$"):
            decode(saved(Image.new("L", size), form))
    assert decode(saved(Image.new("L", (16, 16)))).shape == (16, 16)


@pytest.mark.parametrize(("bits", "colour"), [(1, 0), (8, 0), (16, 0), (8, 6)])
def test_a_png_that_says_40000_by_40000(refused, bits, colour):
    refused(png(40_000, 40_000, bits, colour, bytes(1000)), "^more than 80,000,000 pixels$")


@pytest.mark.parametrize(("bits", "row"), [(1, 2500), (8, 20_000)])
def test_a_png_bomb_is_not_inflated(refused, bits, row):
    """20,000 x 20,000 pixels that are all there, deflated about a thousandfold."""
    data = png(20_000, 20_000, bits, 0, bytes((row + 1) * 20_000))
    assert len(data) < 500_000
    refused(data, "^more than 80,000,000 pixels$")


def test_a_little_too_large_is_refused_without_a_warning(refused):
    """9,000 x 9,000 is below the size at which Pillow warns, 9,500 x 9,500 above."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with quiet_decoders():
            for side in (9_000, 9_500):
                refused(png(side, side, 8, 0, bytes(1000)), "^more than 80,000,000 pixels$")


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["sequential", "progressive"])
def test_a_jpeg_that_says_65500_by_65500(refused, options):
    data = bytearray(saved(Image.new("L", (64, 64)), "JPEG", **options))
    assert data.startswith(JPEG_SIGNATURE)
    frame = data.index(b"\xff\xc2\x00\x0b" if options else b"\xff\xc0\x00\x0b") + 5
    data[frame : frame + 4] = struct.pack(">HH", 65_500, 65_500)
    refused(bytes(data), "^more than 80,000,000 pixels$")


def test_a_compressed_comment_is_no_bomb():
    """50 MB of text, deflated to 50 kB, are not inflated."""
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9))
    image = png(20, 20, 8, 0, bytes(21 * 20))
    tracemalloc.start()
    with pytest.raises(DataError, match="truncated or damaged"):
        decode(image[:33] + text + image[33:])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23


def test_limits_are_inclusive(monkeypatch):
    monkeypatch.setattr(pixel_limits, "LARGEST", 400)
    assert decode(saved(Image.new("L", (20, 20)))).shape == (20, 20)
    with pytest.raises(DataError, match="more than 400 pixels"):
        decode(saved(Image.new("L", (21, 20))))
