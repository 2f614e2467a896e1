"""What the frame headers of JPEG and JPEG 2000 code streams say, read before anything is decoded."""

import struct
from typing import NamedTuple

START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # JPEG markers


class FrameHeader(NamedTuple):
    """Size of the picture, its components, and the bits of a sample; `signed` in JPEG 2000 alone."""

    rows: int
    columns: int
    components: int
    bits: int
    signed: bool = False


def jpeg_header(stream: bytes) -> FrameHeader | None:
    """The frame header of a JPEG code stream (ISO 10918-1 B.2.2), None without one."""
    position = 2
    try:
        while stream[position] == 0xFF:
            marker = stream[position + 1]
            if marker in START_OF_FRAME:
                bits, rows, columns, components = struct.unpack_from(">BHHB", stream, position + 4)
                return FrameHeader(rows, columns, components, bits)
            # 0xFF may be repeated before a marker.
            position += 1 if marker == 0xFF else 2 + struct.unpack_from(">H", stream, position + 2)[0]
    except (IndexError, struct.error):
        return None
    return None


def jpeg_2000_header(stream: bytes) -> FrameHeader | None:
    """The SIZ segment of a JPEG 2000 code stream (ISO 15444-1 A.5.1), of its first component; None without one."""
    if not stream.startswith(b"\xff\x4f\xff\x51") or len(stream) < 43:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", stream, 8)
    components, depth = struct.unpack_from(">HB", stream, 40)
    return FrameHeader(bottom - top, right - left, components, (depth & 0x7F) + 1, bool(depth & 0x80))
