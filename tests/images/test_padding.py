"""Padding is black in every polarity, whatever its sign in the header, and decides nothing."""

import numpy as np
import pytest
from pydicom import uid

from diffchest.errors import DataError
from diffchest.images.decoding import decode
from tests.helpers.dicom_files import dicom

RAMP = np.arange(4096).reshape(64, 64)
FRAME = np.zeros((64, 64), bool)
FRAME[:, :9] = FRAME[:, -9:] = True


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("bits", "signed", "padding", "written", "vr"),
    [
        (12, False, 0, 0, "US"),
        (12, False, 4095, 4095, "US"),
        (16, False, 65535, 65535, "US"),
        (16, False, 65535, -1, "SS"),  # with the wrong sign
        (16, True, -2000, -2000, "SS"),
        (16, True, -2000, 63536, "US"),
        (8, False, 255, -1, "SS"),
    ],
)
def test_padding_is_black_and_the_rest_as_without(photometric, bits, signed, padding, written, vr):
    scene = (RAMP // 17 if bits == 8 else RAMP) - 1000 * signed
    window = {"WindowCenter": 120, "WindowWidth": 200} if bits == 8 else {"WindowCenter": 1500, "WindowWidth": 5000}
    elements = {"PhotometricInterpretation": photometric, "RescaleSlope": 1, "RescaleIntercept": -7, **window}
    whole = decode(dicom(scene, bits=bits, PixelRepresentation=int(signed), **elements))
    values = np.where(FRAME, padding, scene)
    data = dicom(values, bits=bits, PixelRepresentation=int(signed), **elements, PixelPaddingValue=(vr, written))
    shown = decode(data)
    assert not shown[values == padding].any()
    assert not shown[FRAME].any()
    np.testing.assert_array_equal(shown[values != padding], whole[values != padding])


@pytest.mark.parametrize("ends", [(3000, 4095), (4095, 3000)])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
def test_a_range_of_padding(ends, syntax):
    first, last = ends
    elements = {"PhotometricInterpretation": "MONOCHROME1", "PixelPaddingRangeLimit": last, "PixelPaddingValue": first}
    shown = decode(dicom(RAMP, bits=12, syntax=syntax, **elements))
    np.testing.assert_allclose(shown, np.where(RAMP < 3000, 1 - RAMP / 4095, 0), atol=1e-6)


def test_a_value_above_the_bits_stored_is_looked_for_among_those_allocated():
    """65535 of 12 bits stored: 4095 is no padding, though it is the same in the bits stored."""
    data = bytearray(dicom(RAMP, bits=12, PixelPaddingValue=65535))
    start = data.index(RAMP.astype("<u2").tobytes())
    data[start : start + 2 * 64] = b"\xff" * 128
    shown = decode(bytes(data))
    assert not shown[0].any()
    np.testing.assert_allclose(shown[1:], RAMP[1:] / 4095, atol=1e-6)


def test_nothing_but_padding_is_no_picture():
    with pytest.raises(DataError, match=r"every pixel has the PixelPaddingValue \(0028,0120\)"):
        decode(dicom(np.full((64, 64), 7), bits=12, PixelPaddingValue=7))
    whole = decode(dicom(RAMP, bits=12))
    np.testing.assert_array_equal(
        decode(dicom(RAMP // 2, bits=12, PixelPaddingValue=4000)), decode(dicom(RAMP // 2, bits=12))
    )
    assert whole.max() == 1
