"""DICOM run-length encoding (PS3.5 annex G), unpacked no further than the header's Rows x Columns."""

import struct

import numpy as np

from diffchest.images.dicom_header import damaged

SEGMENTS = 15  # offsets in a frame's header


def decode_run_lengths(frame: bytes, rows: int, columns: int, bits_allocated: int) -> np.ndarray:
    """A frame of one sample a pixel as unsigned integers [rows, columns]; one segment a byte, the highest byte first.

    Raises `DataError` where it has other segments, or one that is shorter or longer than the picture.
    """
    if len(frame) < 4 * (SEGMENTS + 1):
        raise damaged("RLE header")
    count, *offsets = struct.unpack_from(f"<{SEGMENTS + 1}I", frame)
    if count != bits_allocated // 8:
        raise damaged(f"RLE with {count} segments, expected {bits_allocated // 8}")
    pixels = np.zeros(rows * columns, dtype=np.uint16)
    for start, end in zip(offsets[:count], [*offsets[1:count], len(frame)], strict=True):
        pixels = pixels << 8 | _unpacked(frame[start:end], rows * columns)
    return pixels.astype(f"u{bits_allocated // 8}").reshape(rows, columns)


def _unpacked(segment: bytes, size: int) -> np.ndarray:
    """The `size` bytes of a segment; what follows them may only be padding."""
    unpacked, filled, position = bytearray(size), 0, 0
    while filled < size and position < len(segment) - 1:
        code = segment[position]
        if code < 128:  # so many bytes and one more as they are
            piece = segment[position + 1 : position + 2 + code]
            position += 2 + code
        else:  # one byte again and again; 128 does nothing
            piece = segment[position + 1 : position + 2] * (257 - code) if code > 128 else b""
            position += 2 if code > 128 else 1
        if filled + len(piece) > size:
            raise damaged("RLE segment is longer than Rows x Columns")
        unpacked[filled : filled + len(piece)] = piece
        filled += len(piece)
    if filled < size:
        raise damaged("RLE segment is shorter than Rows x Columns")
    if any(segment[position:]):
        raise damaged("RLE segment is longer than Rows x Columns")
    return np.frombuffer(unpacked, dtype=np.uint8)
