"""Run lengths against bytes written by hand; bombs are not unpacked."""

import struct
import tracemalloc

import numpy as np
import pytest
from pydicom import uid
from pydicom.encaps import encapsulate

from diffchest.errors import DataError
from diffchest.images.decoding import decode
from diffchest.images.run_lengths import decode_run_lengths
from tests.helpers.dicom_files import header, written


def frame(*segments):
    offsets = np.cumsum([64, *(len(segment) for segment in segments[:-1])])
    return struct.pack("<16I", len(segments), *offsets, *[0] * (15 - len(segments))) + b"".join(segments)


def test_bytes_written_by_hand():
    """PackBits (PS3.5 G.3.1): two as they are, 128 does nothing, five times 9; one byte of padding."""
    segment = bytes([1, 7, 8, 128, 257 - 5, 9, 0, 3, 0])
    np.testing.assert_array_equal(decode_run_lengths(frame(segment), 2, 4, 8), [[7, 8, 9, 9], [9, 9, 9, 3]])
    high, low = bytes([257 - 4, 1]), bytes([3, 0, 1, 2, 3])
    np.testing.assert_array_equal(decode_run_lengths(frame(high, low + b"\0"), 2, 2, 16), [[256, 257], [258, 259]])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (frame(bytes([1, 7, 8])), "shorter"),
        (frame(bytes([5, 7, 8])), "shorter"),
        (frame(bytes([257 - 5, 9])), "longer"),
        (frame(bytes([257 - 4, 9, 0, 7])), "longer"),
        (frame(b"\0\0", b"\0\0"), "2 segments, expected 1"),
        (b"\1\0\0\0", "RLE header"),
    ],
)
def test_other_segments_have_a_reason(data, reason):
    with pytest.raises(DataError, match=reason):
        decode_run_lengths(data, 2, 2, 8)


def test_a_bomb_is_unpacked_no_further_than_the_picture():
    """4 MiB that would unpack to 256 MiB, of 64 x 64 pixels."""
    bomb = frame(b"\x81\x07" * (2 * 2**20))
    dataset = header((64, 64), bits=8)
    dataset.add_new("PixelData", "OB", encapsulate([bomb]))
    dataset["PixelData"].is_undefined_length = True
    data = written(dataset, uid.RLELossless)
    tracemalloc.start()
    with pytest.raises(DataError, match="RLE segment is longer than Rows x Columns"):
        decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25
