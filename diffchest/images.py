"""Image files to small gray squares, and squares to the range the network works in."""

import io
from typing import Any

import numpy as np
from PIL import Image

from diffchest.errors import DataError

FORMATS = ("PNG", "JPEG")
LARGEST = 80_000_000  # pixels; a radiograph has at most about 20 million
CONTAINER_BITS = (8, 10, 12, 14, 16)
SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L")
JPEG_QUALITY = 95


def decode(data: bytes, *, bits_stored: int | None = None, invert: bool = False) -> np.ndarray:
    """Decode a PNG or JPEG file to float32 [H, W] in [0, 1].

    16-bit gray is divided by the largest value of `bits_stored` bits (None: the fewest of 8, 10, 12, 14, 16 that hold
    the image's largest value), never cut to 8 bits. Colour and palette images become luma; transparency is ignored.
    `invert`: white means low values (MONOCHROME1). Raises `DataError` with the reason.
    """
    image = _opened(data)
    if image.mode in SIXTEEN_BIT_MODES:
        pixels = np.asarray(image).astype(np.float32)
        pixels /= _largest_value(int(pixels.max()), bits_stored)
    else:
        gray = image.convert("RGB").convert("L") if image.mode in ("P", "PA") else image.convert("L")
        pixels = np.asarray(gray, dtype=np.float32) / 255.0
    return 1.0 - pixels if invert else pixels


def to_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Scale [H, W] in [0, 1] so that its longest side is `size`, and centre it on a black uint8 [size, size].

    Lanczos with antialiasing, in float, rounded once at the end; the aspect is kept.
    """
    height, width = pixels.shape
    scale = size / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    if (new_height, new_width) != (height, width):
        image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
        pixels = np.asarray(image.resize((new_width, new_height), Image.Resampling.LANCZOS, reducing_gap=3.0))
    square = np.zeros((size, size), dtype=np.uint8)
    top, left = (size - new_height) // 2, (size - new_width) // 2
    square[top : top + new_height, left : left + new_width] = np.rint(np.clip(pixels, 0.0, 1.0) * 255.0)
    return square


def encode_square(square: np.ndarray, codec: str) -> bytes:
    """Bytes of a uint8 [size, size] image; `codec` raw | png (both lossless) | jpeg."""
    if codec == "raw":
        return square.tobytes()
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": JPEG_QUALITY} if codec == "jpeg" else {}
    Image.fromarray(square).save(buffer, format=codec, **options)
    return buffer.getvalue()


def decode_square(data: bytes | memoryview, codec: str, size: int) -> np.ndarray:
    """Inverse of `encode_square`: uint8 [size, size]."""
    if codec == "raw":
        return np.frombuffer(data, dtype=np.uint8).reshape(size, size)
    return np.asarray(Image.open(io.BytesIO(data)))


def to_model_range(images: np.ndarray) -> np.ndarray:
    """Uint8 [N, H, W] to float32 [N, 1, H, W] in [-1, 1]."""
    return images[:, None].astype(np.float32) / 127.5 - 1.0


def from_model_range(images: np.ndarray) -> np.ndarray:
    """Float [N, C, H, W] in [-1, 1] to uint8 [N, H, W]: the mean of the channels, values outside the range clipped."""
    gray = np.asarray(images, dtype=np.float32).mean(axis=1)
    return np.rint((np.clip(gray, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)


def _opened(data: bytes) -> Image.Image:
    """The loaded image, after checks that need no decoding."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise DataError(f"more than {LARGEST:,} pixels") from None
    except Exception as error:  # Pillow's parsers raise many types on damaged headers
        reason = "empty file" if not data else f"not a readable PNG or JPEG file ({type(error).__name__})"
        raise DataError(reason) from None
    if image.width * image.height > LARGEST:
        raise DataError(f"more than {LARGEST:,} pixels")
    if image.mode not in SIXTEEN_BIT_MODES and ";16" in str(image.tile[0][3] if image.tile else ""):
        raise DataError("16-bit colour PNG; store 16-bit gray or 8-bit colour")
    try:
        image.load()
    except Exception as error:  # as above
        raise DataError(f"truncated or damaged ({type(error).__name__})") from None
    return image


def _largest_value(found: int, bits_stored: int | None) -> float:
    if bits_stored is None:
        bits_stored = next(bits for bits in CONTAINER_BITS if found < 2**bits)
    if found >= 2**bits_stored:
        raise DataError(f"pixel values exceed the {bits_stored} bits that the table says are stored")
    return 2.0**bits_stored - 1.0
