"""Elements that are written oddly are read; those that are missing or make no sense are named, without Python's words."""

import re

import numpy as np
import pytest

from diffchest.errors import DataError
from diffchest.images.decoding import decode
from tests.helpers.dicom_files import dicom

RAMP = np.arange(4096).reshape(64, 64)
WINDOW = {"WindowCenter": "2048.5", "WindowWidth": "4000.0"}


def without(keyword):
    """A file that lacks an element: its tag becomes one that means nothing (of group 0029, private)."""
    tag = {
        "PhotometricInterpretation": b"\x28\0\x04\0",
        "BitsStored": b"\x28\0\x01\x01",
        "BitsAllocated": b"\x28\0\0\x01",
        "PixelRepresentation": b"\x28\0\x03\x01",
        "Rows": b"\x28\0\x10\0",
        "Columns": b"\x28\0\x11\0",
    }[keyword]
    data = dicom(RAMP, bits=12, **WINDOW)
    assert data.count(tag) == 1
    return data.replace(tag, b"\x29" + tag[1:])


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"2048.5", b"2048,5"), (b"4000.0", b"4000,0"), (b"4000.0", b"4,00e3")],
)
def test_a_decimal_comma_is_a_point(old, new):
    data = dicom(RAMP, bits=12, **WINDOW)
    changed = data.replace(old, new)
    assert changed != data
    number = float(new.decode().replace(",", "."))
    key = "WindowCenter" if old == b"2048.5" else "WindowWidth"
    np.testing.assert_allclose(decode(changed), decode(dicom(RAMP, bits=12, **WINDOW | {key: number})), atol=1e-6)


def test_a_comma_in_the_rescale_and_in_the_spacing():
    data = dicom(RAMP, bits=12, RescaleSlope="0.5", RescaleIntercept="0", PixelSpacing=["0.2", "0.1"])
    commas = data.replace(b"0.5 ", b"0,5 ").replace(b"0.2\\0.1", b"0,2\\0,1")
    assert commas.count(b",") == data.count(b",") + 3
    np.testing.assert_array_equal(decode(commas), decode(data))


@pytest.mark.parametrize("text", [b"1.2.3,", b"1,2,3 ", b"broad ", b"NaN   ", b"inf   "])
def test_what_is_no_number_is_named_and_nothing_else_repeated(text):
    data = dicom(RAMP, bits=12, **WINDOW).replace(b"2048.5", text)
    with pytest.raises(DataError, match=r"^DICOM: WindowCenter \(0028,1050\) is .*, expected a number$") as error:
        decode(data)
    assert "broad" not in str(error.value)


@pytest.mark.parametrize(
    "keyword", ["PhotometricInterpretation", "BitsStored", "BitsAllocated", "PixelRepresentation", "Rows", "Columns"]
)
def test_a_missing_element_is_named(keyword):
    with pytest.raises(DataError, match=rf"^DICOM: no {keyword} \(0028,\d{{4}}\)$"):
        decode(without(keyword))


@pytest.mark.parametrize(
    "elements",
    [
        {"NumberOfFrames": ("LO", "x")},
        {"BitsStored": ("LO", "twelve")},
        {"PixelRepresentation": 7},
        {"HighBit": [11] * 9},
        {"PixelSpacing": ("LO", "a\\b")},
        {"RescaleIntercept": ("LO", "none")},
        {"PixelPaddingValue": ("LO", "none")},
        {"WindowWidth": ("LO", "wide"), "WindowCenter": 5},
    ],
)
def test_an_invalid_element_is_named(elements):
    keyword = next(iter(elements))
    with pytest.raises(DataError, match=rf"{keyword} \(00\w\w,\w{{4}}\)") as error:
        decode(dicom(RAMP, bits=12, **elements))
    assert not re.search("[a-z]Error|Traceback|object", str(error.value))
