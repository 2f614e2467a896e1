"""LUTs whose descriptors are wrong, against the ramps that they hold."""

import numpy as np
import pytest
from pydicom import uid

from diffchest.errors import DataError
from diffchest.images.decoding import decode
from tests.helpers.dicom_files import dicom, lookup_table

RAMP = np.arange(4096).reshape(64, 64)
SYNTAXES = [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian]


@pytest.mark.parametrize("sequence", ["VOILUTSequence", "ModalityLUTSequence"])
@pytest.mark.parametrize("claimed", [8, 12, 14, 16])
def test_the_entries_count_not_their_size_in_the_file(sequence, claimed):
    """12-bit entries: with any number of bits in the descriptor as with 12."""
    data = dicom(RAMP, bits=12, **{sequence: [lookup_table(range(4096), 0, claimed)]})
    np.testing.assert_allclose(decode(data), RAMP / 4095, atol=1e-6)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    ("stored", "intercept", "first"),
    [(RAMP, -1024, -1024), (RAMP - 2048, 0, -2048), (RAMP - 2048, 2048, 0), (RAMP, 40_000, 40_000)],
)
def test_the_sign_of_the_first_value_is_that_after_the_rescale(syntax, stored, intercept, first):
    bits = 16 if intercept == 40_000 else 12
    elements = {
        "RescaleSlope": 1,
        "RescaleIntercept": intercept,
        "VOILUTSequence": [lookup_table(range(4096), first, 12)],
    }
    np.testing.assert_allclose(decode(dicom(stored, bits=bits, syntax=syntax, **elements)), RAMP / 4095, atol=1e-6)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_first_value_above_the_signed_range_of_signed_pixels(syntax):
    """Signed pixels made unsigned by the intercept: 40,000 is no negative number, though implicit VR reads one."""
    stored = RAMP + 40_000 - 2**15
    stored[0, 0] = -1  # makes the pixels signed; below the first value, so that it has the first entry
    elements = {"RescaleSlope": 1, "RescaleIntercept": 2**15, "VOILUTSequence": [lookup_table(range(4096), 40_000, 12)]}
    np.testing.assert_allclose(decode(dicom(stored, bits=16, syntax=syntax, **elements)), RAMP / 4095, atol=1e-6)


@pytest.mark.parametrize("entries", [255, 256])
def test_bytes_packed_two_to_a_word(entries):
    item = lookup_table([0], 0, 8)
    item.LUTDescriptor = [entries, 0, 8]
    item["LUTData"].value = bytes(range(entries)) + b"\0" * (entries % 2)
    shown = decode(dicom(RAMP, bits=12, VOILUTSequence=[item]))
    np.testing.assert_allclose(shown, np.minimum(RAMP, entries - 1) / 255, atol=1e-6)


@pytest.mark.parametrize(("length", "told"), [(10, "has 10 words"), (4000, "has 4000 words"), (5000, "has 5000 words")])
def test_data_of_another_length_are_a_reason_that_names_the_table(length, told):
    item = lookup_table(range(length), 0, 12)
    item.LUTDescriptor = [4096, 0, 12]
    with pytest.raises(
        DataError, match=rf"VOILUTSequence \(0028,3010\): LUTData \(0028,3006\) {told} for 4096 entries"
    ):
        decode(dicom(RAMP, bits=12, VOILUTSequence=[item]))
    del item.LUTDescriptor
    with pytest.raises(DataError, match=r"LUTDescriptor \(0028,3002\) has 0 numbers, expected 3"):
        decode(dicom(RAMP, bits=12, VOILUTSequence=[item]))
