"""DICOM values to grays against pydicom's own LUTs and windows, and against hand computation, in every combination."""

import io

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import uid
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from diffchest.errors import DataError
from diffchest.images.decoding import decode
from tests.helpers.dicom_files import dicom, lookup_table

RAMP = np.arange(4096).reshape(64, 64)
FRAME = np.zeros((64, 64), bool)
FRAME[:8] = True


def expected(data, entries, first, padding):
    """By pydicom's functions, 0 to 1; MONOCHROME1 inverted, the frame black.

    The VOI LUT by hand: pydicom takes the sign of its first value from the pixels, before the rescale.
    """
    dataset = pydicom.dcmread(io.BytesIO(data))
    values = apply_modality_lut(dataset.pixel_array, dataset)
    if entries is not None:
        shown = entries[np.clip(np.rint(values).astype(int) - first, 0, len(entries) - 1)]
    else:
        shown = np.asarray(apply_voi_lut(values, dataset), dtype=float)
    signed, bits = dataset.PixelRepresentation, dataset.BitsStored
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    low = -(2 ** (bits - 1)) if signed else 0
    ends = [end * slope + intercept for end in (low, low + 2**bits - 1)]  # pydicom's window: from one to the other
    if "WindowCenter" not in dataset:
        ends.sort()
    if entries is not None:
        ends = [0.0, 4095.0]
    gray = np.clip((shown - ends[0]) / (ends[1] - ends[0]), 0, 1)
    gray = 1 - gray if dataset.PhotometricInterpretation == "MONOCHROME1" else gray
    return np.where(FRAME, 0.0, gray) if padding else gray


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
    st.booleans(),
    st.sampled_from([None, (1, -1024), (0.5, 3), (-2, 100)]),
    st.sampled_from(["none", "lut", "LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    st.booleans(),
    st.sampled_from([uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.RLELossless]),
)
def test_every_combination_is_shown_as_pydicom_shows_it(photometric, signed, rescale, shown_by, padded, syntax):
    stored = RAMP - 2048 * signed
    elements = {"PhotometricInterpretation": photometric}
    slope, intercept = rescale or (1, 0)
    if rescale:
        elements |= {"RescaleSlope": slope, "RescaleIntercept": intercept}
    middle = float(np.median(stored)) * slope + intercept
    entries, first = None, 0
    if shown_by == "lut":
        first = int((stored * slope + intercept).min())
        entries = np.rint(np.linspace(0, 1, 4096) ** 2 * 4095).astype(int)
        elements["VOILUTSequence"] = [lookup_table(entries, first, 12)]
    elif shown_by != "none":
        elements |= {"WindowCenter": [middle, 1], "WindowWidth": [1500, 2], "VOILUTFunction": shown_by}
    if padded:
        stored = np.where(FRAME, stored[0, 0], stored)
        elements["PixelPaddingValue"] = int(stored[0, 0])
    data = dicom(stored, bits=12, syntax=syntax, **elements)
    np.testing.assert_allclose(decode(data), expected(data, entries, first, padded), atol=1e-5)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("padding", [None, 0, 65535])
def test_hardly_any_of_the_bits_in_use_without_a_window(photometric, padding):
    """Values from 300 to 1000 of 65,535: spread over all grays, but for a thousandth of the pixels at either end."""
    values = np.linspace(300, 1000, 4096).round().astype(int).reshape(64, 64)
    elements = {"PhotometricInterpretation": photometric}
    if padding is not None:
        values = np.where(FRAME, padding, values)
        elements["PixelPaddingValue"] = padding
    used = np.sort(values[~FRAME] if padding is not None else values.ravel())
    edge = (len(used) - 1) // 1000
    low, high = used[edge], used[-1 - edge]
    gray = np.clip((values - low) / (high - low), 0, 1)
    gray = 1 - gray if photometric == "MONOCHROME1" else gray
    gray[FRAME & (padding is not None)] = 0
    np.testing.assert_allclose(decode(dicom(values, bits=16, **elements)), gray, atol=1e-6)


def test_a_quarter_in_use_keeps_the_range_of_the_bits():
    np.testing.assert_allclose(decode(dicom(RAMP // 3, bits=12)), RAMP // 3 / 4095, atol=1e-7)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        (
            {"WindowCenter": 30000, "WindowWidth": 100},
            r"WindowCenter \(0028,1050\) 30000 .* shows all values, 0 to 4095",
        ),
        ({"WindowCenter": -9000, "WindowWidth": 9, "VOILUTFunction": "SIGMOID"}, "shows all values, 0 to 4095, as one"),
        ({"WindowCenter": 0, "WindowWidth": -5}, r"WindowWidth \(0028,1051\) is -5, expected 1 or more"),
        ({"WindowCenter": 0, "WindowWidth": 0, "VOILUTFunction": "SIGMOID"}, "is 0, expected more than 0"),
        ({"VOILUTSequence": [lookup_table([5] * 4096, 0, 12)]}, r"VOILUTSequence \(0028,3010\) shows all values"),
        ({"VOILUTSequence": [lookup_table(range(4096), 50000, 12)]}, r"VOILUTSequence \(0028,3010\) shows all values"),
        ({"RescaleSlope": 1e308, "RescaleIntercept": 0}, "not finite"),
    ],
)
def test_what_shows_nothing_is_named(photometric, elements, reason):
    with pytest.raises(DataError, match=reason):
        decode(dicom(RAMP, bits=12, PhotometricInterpretation=photometric, **elements))
