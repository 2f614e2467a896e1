"""DICOM files without preamble, magic word or file meta information are read like whole ones; others are not."""

import io

import numpy as np
import pydicom
import pytest
from pydicom import uid

from diffchest.errors import DataError
from diffchest.images.decoding import decode
from diffchest.images.dicom_file import is_dicom
from tests.helpers.dicom_files import dicom, header

RAMP = np.arange(4096).reshape(64, 64)
NATIVE = [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian]


def bare(syntax, **elements):
    """The data set alone, as pydicom writes it."""
    dataset = header(RAMP.shape, bits=12, **elements)
    little = syntax != uid.ExplicitVRBigEndian
    dataset.add_new("PixelData", "OW", RAMP.astype("<u2" if little else ">u2").tobytes())
    del dataset.file_meta
    buffer = io.BytesIO()
    implicit = syntax == uid.ImplicitVRLittleEndian
    pydicom.dcmwrite(buffer, dataset, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
    return buffer.getvalue()


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("before", [b"", bytes(128), b"DICM", bytes(128) + b"DICM"])
def test_a_bare_data_set(syntax, before):
    data = bare(syntax, WindowCenter=1500, WindowWidth=1000)
    assert data[128:132] != b"DICM"
    whole = dicom(RAMP, bits=12, WindowCenter=1500, WindowWidth=1000)
    np.testing.assert_array_equal(decode(before + data), decode(whole))


@pytest.mark.parametrize("syntax", [*NATIVE, uid.JPEGLosslessSV1, uid.RLELossless], ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("start", [128, 132])
def test_file_meta_information_without_what_stands_before_it(syntax, start):
    whole = dicom(RAMP, bits=12, syntax=syntax)
    np.testing.assert_array_equal(decode(whole[start:]), decode(whole))


def test_a_bare_data_set_that_is_compressed_names_what_is_missing():
    whole = dicom(RAMP, bits=12, syntax=uid.JPEGLosslessSV1)
    length = int.from_bytes(whole[140:144], "little")
    with pytest.raises(DataError, match=r"compressed pixel data, but TransferSyntaxUID \(0002,0010\)"):
        decode(whole[144 + length :])


@pytest.mark.parametrize("data", [b"", b"DICM", bytes(500), b"\x08\0" * 99, b"\x08\0\x05\0CS", b"II*\0" + bytes(90)])
def test_other_files_are_none(data):
    assert not is_dicom(data)
