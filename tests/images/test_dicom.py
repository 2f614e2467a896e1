"""DICOM files written by pydicom and others, against closed forms of PS3.3 C.11 and against pydicom's own windows."""

import io
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset, Sequence, uid
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from diffchest.errors import DataError
from diffchest.images import dicom_file
from diffchest.images.decoding import decode, quiet_decoders
from diffchest.images.dicom_pixels import JPEG, NATIVE
from tests.helpers.dicom_files import dicom, header, jpeg, written

LOSSLESS = (*NATIVE, uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGLossless, uid.JPEGLosslessSV1)


@pytest.fixture
def values():
    """Every 12-bit number, and a few twice: [64, 65], an odd width."""
    return np.concatenate([np.arange(4096), np.arange(64)]).reshape(64, 65)


def lut(entries, first, bits, vr="US"):
    item = Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(entries), first, bits])
    item.add_new("LUTData", vr, [int(entry) for entry in entries] if vr == "US" else bytes(entries))
    return Sequence([item])


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (12, True), (16, True)])
def test_stored_values_by_the_range_of_bits_stored(values, syntax, bits, signed):
    largest, lowest = 2**bits - 1, -(2 ** (bits - 1)) if signed else 0
    stored = values * largest // 4095 + lowest
    pixels = decode(dicom(stored, bits=bits, syntax=syntax))
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, (stored - lowest) / largest, atol=1e-7)


@pytest.mark.parametrize(
    ("syntax", "bits", "tolerance"), [(uid.JPEGBaseline8Bit, 8, 0.02), (uid.JPEGExtended12Bit, 12, 0.004)]
)
def test_lossy_jpeg(syntax, bits, tolerance):
    y, x = np.mgrid[0:64, 0:48]
    picture = 0.5 + 0.4 * np.sin(x / 9) * np.cos(y / 11)
    stored = np.rint(picture * (2**bits - 1)).astype(int)
    np.testing.assert_allclose(decode(dicom(stored, bits=bits, syntax=syntax)), picture, atol=tolerance)


@pytest.mark.parametrize("name", ["RLE", "bigendian", "implicit", "jp2klossless", "padded"])
def test_files_of_other_writers_agree(name):
    """The same MR slice, stored by several tools; window 600 +- 800."""
    plain, other = (
        Path(str(get_testdata_file(f"MR_small{suffix}.dcm", download=False, read=False))) for suffix in ("", f"_{name}")
    )
    expected = np.clip((pydicom.dcmread(plain).pixel_array - 599.5) / 1599 + 0.5, 0, 1)
    for path in (plain, other):
        np.testing.assert_allclose(decode(path.read_bytes()), expected, atol=1e-6)


def test_unused_bits_are_dropped(values):
    data = bytearray(dicom(values, bits=12))
    start = data.index(values.astype("<u2").tobytes())
    data[start + 1 : start + 2 * values.size : 2] = bytes(
        b | 0xF0 for b in data[start + 1 : start + 2 * values.size : 2]
    )
    np.testing.assert_array_equal(decode(bytes(data)), decode(dicom(values, bits=12)))


@pytest.mark.parametrize(("slope", "intercept"), [(2.5, -1024), (0.001, 7), (-1, 4095)])
def test_rescale_without_a_window_uses_the_possible_range(values, slope, intercept):
    """The ends of the range are the rescaled 0 and 4095; a negative slope turns the scale round."""
    pixels = decode(dicom(values // 2, bits=12, RescaleSlope=slope, RescaleIntercept=intercept))
    expected = (values // 2) / 4095
    np.testing.assert_allclose(pixels, expected if slope > 0 else 1 - expected, atol=1e-6)


def linear(x, center, width):
    """PS3.3 C.11.2.1.2.1 with ymin 0 and ymax 1, condition by condition."""
    y = ((x - (center - 0.5)) / (width - 1) + 0.5) if width > 1 else np.zeros_like(x)
    y = np.where(x > center - 0.5 + (width - 1) / 2, 1.0, y)
    return np.where(x <= center - 0.5 - (width - 1) / 2, 0.0, y)


def exact(x, center, width):
    """PS3.3 C.11.2.1.3.2."""
    return np.where(x <= center - width / 2, 0, np.where(x > center + width / 2, 1, (x - center) / width + 0.5))


def sigmoid(x, center, width):
    """PS3.3 C.11.2.1.3.1."""
    return 1 / (1 + np.exp(-4 * (x - center) / width))


@pytest.mark.parametrize(("name", "formula"), [("LINEAR", linear), ("LINEAR_EXACT", exact), ("SIGMOID", sigmoid)])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (2, -3000), (-1, 500)])
@pytest.mark.parametrize("width", [1500.0, 2.0, 1.0])
def test_windows(values, name, formula, slope, intercept, width):
    center = 2048 * slope + intercept
    data = dicom(
        values,
        bits=12,
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        WindowCenter=[center, 1],
        WindowWidth=[width, 9],
        VOILUTFunction=name,
    )
    with np.errstate(over="ignore"):
        expected = formula(values.astype(float) * slope + intercept, center, width)
    np.testing.assert_allclose(decode(data), expected, atol=1e-6)


def test_windows_agree_with_pydicom(values):
    data = dicom(values, bits=12, RescaleSlope=2, RescaleIntercept=-50, WindowCenter=3000, WindowWidth=2000)
    dataset = pydicom.dcmread(io.BytesIO(data))
    theirs = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    np.testing.assert_allclose(decode(data), (theirs + 50) / (2 * 4095), atol=1e-6)


def test_linear_is_the_default_and_an_empty_window_is_none(values):
    signed = dicom(values - 2048, bits=12, WindowCenter=0, WindowWidth=2000)
    np.testing.assert_allclose(decode(signed), linear(values - 2048.0, 0, 2000), atol=1e-6)
    empty = dicom(values, bits=12, WindowCenter=None, WindowWidth=None, VOILUTFunction=None)
    np.testing.assert_allclose(decode(empty), values / 4095, atol=1e-7)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.ImplicitVRLittleEndian])
@pytest.mark.parametrize(("first", "bits"), [(0, 16), (1000, 12), (1000, 8)])
def test_voi_lut(values, first, bits, syntax):
    """Values below the first mapped one take the first entry, those past the last take the last; it beats a window."""
    table = np.rint(np.linspace(0, 1, 2000) ** 2 * (2**bits - 1)).astype(int)
    voi = lut(table, first, bits)
    data = dicom(values, bits=12, syntax=syntax, VOILUTSequence=voi, WindowCenter=9, WindowWidth=9)
    expected = table[np.clip(values - first, 0, 1999)] / (2**bits - 1)
    np.testing.assert_allclose(decode(data), expected, atol=1e-6)
    if bits > 8:  # with 8-bit entries pydicom's index wraps
        dataset = pydicom.dcmread(io.BytesIO(data))
        np.testing.assert_allclose(decode(data), apply_voi_lut(dataset.pixel_array, dataset) / (2**bits - 1), atol=1e-6)


@pytest.mark.parametrize(("order", "syntax"), [("<u2", uid.ExplicitVRLittleEndian), (">u2", uid.ExplicitVRBigEndian)])
def test_voi_lut_of_words_after_a_rescale_below_zero(values, order, syntax):
    table = (np.arange(4096) * 16).astype(order)
    item = lut([0] * 4096, -1024, 16)[0]
    item.add_new("LUTData", "OW", table.tobytes())
    data = dicom(values - 2048, bits=12, syntax=syntax, VOILUTSequence=[item], RescaleSlope=1, RescaleIntercept=1024)
    np.testing.assert_allclose(decode(data), values * 16 / 65535, atol=1e-6)


def test_voi_lut_of_packed_bytes_and_a_short_one(values):
    packed = lut(range(256), 0, 8, "OW")
    np.testing.assert_allclose(
        decode(dicom(values, bits=12, VOILUTSequence=packed)), np.minimum(values, 255) / 255, atol=1e-6
    )
    short = lut(range(100), 0, 16)
    short[0].LUTDescriptor = [4096, 0, 16]
    with pytest.raises(
        DataError, match=r"VOILUTSequence \(0028,3010\): LUTData \(0028,3006\) has 100 words for 4096 entries"
    ):
        decode(dicom(values, bits=12, VOILUTSequence=short))


def test_modality_lut(values):
    table = np.arange(4096)[::-1] * 16
    data = dicom(values, bits=12, ModalityLUTSequence=lut(table, 0, 16))
    np.testing.assert_allclose(decode(data), table[values] / 65535, atol=1e-6)


def test_monochrome1_is_inverted_once_whatever_the_table_says(values):
    """A table's invert and bits stored are for files that cannot say it themselves."""
    plain = dicom(values, bits=12, WindowCenter=1000, WindowWidth=800)
    inverse = {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}
    inverted = dicom(values, bits=12, WindowCenter=1000, WindowWidth=800, **inverse)
    for invert in (False, True):
        np.testing.assert_array_equal(decode(plain, invert=invert, bits_stored=10), decode(plain))
        np.testing.assert_array_equal(decode(inverted, invert=invert), 1 - decode(plain))


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"NumberOfFrames": 12}, "DICOM: 12 frames, expected one"),
        (
            {"PhotometricInterpretation": "RGB"},
            r"PhotometricInterpretation \(0028,0004\) is RGB, expected MONOCHROME1 or",
        ),
        ({"SamplesPerPixel": 3}, r"SamplesPerPixel \(0028,0002\) is 3, expected 1"),
        ({"Rows": 40_000, "Columns": 40_000}, "more than 80,000,000 pixels"),
        ({"Rows": 1}, "smaller than 16 x 16 pixels"),
        ({"Rows": 65}, r"truncated or damaged \(DICOM: pixel data is short\)"),
        ({"BitsAllocated": 32}, r"BitsAllocated \(0028,0100\) is 32, expected 8 or 16"),
        ({"HighBit": 15}, r"HighBit \(0028,0102\) is 15, expected 11"),
        ({"BitsStored": 17}, r"BitsStored \(0028,0101\) is 17, expected 2 to 16"),
        ({"RescaleSlope": 0, "RescaleIntercept": 1}, r"DICOM: RescaleSlope \(0028,1053\) is 0"),
        ({"WindowCenter": 0, "WindowWidth": 0}, r"DICOM: WindowWidth \(0028,1051\) is 0, expected 1 or more"),
        (
            {"WindowCenter": 0, "WindowWidth": 9, "VOILUTFunction": "CUBIC"},
            r"DICOM: VOILUTFunction \(0028,1056\) is none of LINEAR",
        ),
    ],
)
def test_refused_headers(values, elements, reason):
    base = header(values.shape, bits=12, **elements)
    base.add_new("PixelData", "OW", values.astype("<u2").tobytes())
    with pytest.raises(DataError, match=reason):
        decode(written(base, uid.ExplicitVRLittleEndian))


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (uid.JPEGLSLossless, r"JPEG-LS Lossless Image Compression \(1.2.840.10008.1.2.4.80\)"),
        (uid.HTJ2KLossless, "High-Throughput JPEG 2000"),
        (uid.MPEG2MPML, "MPEG2"),
        ("1.2.840.99999.1", "1.2.840.99999.1"),
    ],
)
def test_unreadable_transfer_syntaxes_are_named(syntax, name):
    dataset = header((64, 64), bits=8)
    dataset.add_new("PixelData", "OB", encapsulate([bytes(100)]))
    dataset["PixelData"].is_undefined_length = True
    with pytest.raises(DataError, match=f"DICOM: cannot decode transfer syntax {name}"):
        decode(written(dataset, syntax))


def test_a_file_without_pixel_data():
    with pytest.raises(DataError, match="no pixel data"):
        decode(written(header((64, 64), bits=8), uid.ExplicitVRLittleEndian))
    with pytest.raises(DataError, match="no pixel data"):
        decode(bytes(128) + b"DICM")


@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, uid.JPEGLosslessSV1, uid.JPEG2000Lossless])
def test_code_streams_of_another_size_are_not_decoded(syntax):
    """A code stream of 40,000 x 40,000 pixels in a file that says 64 x 64 must not fill the memory."""
    data = bytearray(dicom(np.full((64, 64), 7), bits=8, syntax=syntax))
    if syntax in JPEG:
        start = max(data.find(b"\xff\xc0\x00\x0b"), data.find(b"\xff\xc3\x00\x0b")) + 5
        data[start : start + 4] = b"\x9c\x40\x9c\x40"
    else:
        start = data.index(b"\xff\x4f\xff\x51") + 8
        data[start : start + 8] = (40_000).to_bytes(4, "big") * 2
    with pytest.raises(DataError, match="code stream is not Rows x Columns"):
        decode(bytes(data))


@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, uid.JPEGLosslessSV1, uid.JPEG2000Lossless, uid.RLELossless])
def test_half_a_code_stream_is_refused(syntax):
    """A lenient decoder would return a picture that is gray from the middle down."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64))
    whole = pydicom.dcmread(io.BytesIO(dicom(noise, bits=8, syntax=syntax)))
    frame = get_frame(whole.PixelData, 0, number_of_frames=1)
    whole.PixelData = encapsulate([frame[: len(frame) // 2]])
    with pytest.raises(DataError, match="truncated or damaged"):
        decode(written(whole, syntax))


def test_a_deflated_bomb_is_not_inflated(monkeypatch):
    monkeypatch.setattr(dicom_file, "INFLATED", 2**20)
    data = dicom(np.zeros((2000, 2000), dtype=int), bits=16, syntax=uid.DeflatedExplicitVRLittleEndian)
    assert len(data) < 20_000
    with pytest.raises(DataError, match="inflates to more than 1 MiB"):
        decode(data)


def test_damaged_files_are_rejected_in_silence(values, caplog, capfd):
    data = dicom(values, bits=12, RescaleSlope="1", RescaleIntercept="0")
    spoilt = data.replace(b"\x28\x00\x53\x10DS\x02\x001 ", b"\x28\x00\x53\x10DS\x02\x00x ")
    assert spoilt != data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with quiet_decoders():
            with pytest.raises(DataError, match=r"RescaleSlope \(0028,1053\) is no number, expected a number"):
                decode(spoilt)
            decode(dicom(values, bits=12) + b"\0" * 7)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_several_fragments_are_one_frame(values):
    stream = jpeg(values.astype(np.uint16), 12, uid.JPEGLosslessSV1)
    dataset = header(values.shape, bits=12)
    dataset.add_new("PixelData", "OB", encapsulate([stream], fragments_per_frame=3))
    dataset["PixelData"].is_undefined_length = True
    np.testing.assert_allclose(decode(written(dataset, uid.JPEGLosslessSV1)), values / 4095, atol=1e-7)
