"""Frame headers of JPEG and JPEG 2000, against what the encoder was given; a sign that the DICOM header denies."""

import imagecodecs
import numpy as np
import pytest
from pydicom import uid
from pydicom.encaps import encapsulate

from diffchest.errors import DataError
from diffchest.images.code_streams import jpeg_2000_header, jpeg_header
from diffchest.images.decoding import decode
from tests.helpers.dicom_files import header, written

RAMP = np.arange(40 * 50).reshape(40, 50)


def j2k(values, bits):
    return bytes(imagecodecs.jpeg2k_encode(values, codecformat="j2k", level=0, bitspersample=bits, reversible=True))


@pytest.mark.parametrize(("bits", "kind"), [(8, np.uint8), (12, np.uint16)])
def test_jpeg_headers(bits, kind):
    stream = bytes(imagecodecs.jpeg8_encode((RAMP % 2**bits).astype(kind), bitspersample=bits))
    assert jpeg_header(stream) == (40, 50, 1, bits, False)
    assert jpeg_header(stream[:2] + b"\xff" * 3 + stream[2:]) == (40, 50, 1, bits, False)  # fill bytes
    assert jpeg_header(stream[:20]) is None
    assert jpeg_header(b"") is None


@pytest.mark.parametrize(
    ("bits", "kind", "signed"), [(8, np.uint8, False), (12, np.uint16, False), (12, np.int16, True)]
)
def test_jpeg_2000_headers(bits, kind, signed):
    stream = j2k((RAMP % 2**bits - 2048 * signed).astype(kind), bits)
    assert jpeg_2000_header(stream) == (40, 50, 1, bits, signed)
    assert jpeg_2000_header(stream[:42]) is None
    assert jpeg_2000_header(b"\xff" + stream) is None


@pytest.mark.parametrize("signed", [0, 1])
def test_a_signed_stream_that_the_header_calls_unsigned_is_refused(signed):
    values = RAMP * 2 - 2048
    dataset = header(values.shape, bits=12, signed=bool(signed))
    dataset.add_new("PixelData", "OB", encapsulate([j2k(values.astype(np.int16), 12)]))
    dataset["PixelData"].is_undefined_length = True
    data = written(dataset, uid.JPEG2000Lossless)
    if signed:
        np.testing.assert_allclose(decode(data), (values + 2048) / 4095, atol=1e-6)
    else:
        with pytest.raises(DataError, match=r"PixelRepresentation \(0028,0103\) is 0 \(unsigned\), expected 1"):
            decode(data)
