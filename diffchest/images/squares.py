"""Pixels to small gray squares, and squares to the range the network works in."""

import io
import zlib
from typing import Any

import numpy as np
from PIL import Image

RESIZE = "Lanczos, longest side to size, centred on black, 8-bit images in 8 bits"  # recorded in every store
JPEG_QUALITY = 95
RUN_LENGTHS = {"compress_type": zlib.Z_RLE, "compress_level": 1}  # filtered radiographs hold nothing else to be found


def to_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Scale [H, W], uint8 or float in [0, 1], so that its longest side is `size`; centre it on a black uint8 square.

    Lanczos with antialiasing, the aspect kept. Float images are rounded once, at the end; those of 8 bits are scaled in
    Pillow's integer arithmetic, much faster and 0.1 gray levels from the same in float (at most 3 in radiographs; more
    at hard edges from black to white, where overshoot is cut once more).
    """
    height, width = pixels.shape
    scale = size / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    if (new_height, new_width) != (height, width):
        image = Image.fromarray(np.ascontiguousarray(pixels, dtype=None if pixels.dtype == np.uint8 else np.float32))
        pixels = np.asarray(image.resize((new_width, new_height), Image.Resampling.LANCZOS, reducing_gap=3.0))
    if pixels.dtype != np.uint8:
        pixels = np.rint(np.clip(pixels, 0.0, 1.0) * 255.0)
    if pixels.shape == (size, size):
        return pixels.astype(np.uint8, copy=False)
    square = np.zeros((size, size), dtype=np.uint8)
    top, left = (size - new_height) // 2, (size - new_width) // 2
    square[top : top + new_height, left : left + new_width] = pixels
    return square


def encode_square(square: np.ndarray, codec: str) -> bytes:
    """Bytes of a uint8 [size, size] image; `codec` raw | png (both lossless) | jpeg."""
    if codec == "raw":
        return square.tobytes()
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": JPEG_QUALITY} if codec == "jpeg" else RUN_LENGTHS
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
