"""The stored integers of a DICOM file, from what its header says: checked first, then decoded."""

from typing import NamedTuple

import imagecodecs
import numpy as np
from pydicom import Dataset, uid
from pydicom.encaps import get_frame
from pydicom.pixels.utils import pixel_array

from diffchest.errors import DataError
from diffchest.images.code_streams import jpeg_2000_header, jpeg_header
from diffchest.images.dicom_header import damaged, integer, named, parsing, word
from diffchest.images.pixel_limits import check_size
from diffchest.images.run_lengths import decode_run_lengths

NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
JPEG = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1)
JPEG_2000 = (uid.JPEG2000Lossless, uid.JPEG2000)
DECODABLE = (*NATIVE, *JPEG, *JPEG_2000, uid.RLELossless)
MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_RCT", "YBR_ICT", "HSV", "CMYK")
END_OF_IMAGE = b"\xff\xd9"  # of JPEG and of JPEG 2000 code streams


class PixelHeader(NamedTuple):
    """What a header says of the pixels: `inverted` is MONOCHROME1, `signed` two's complement."""

    syntax: uid.UID
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    inverted: bool

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the largest value that the bits stored can hold."""
        low = -(2 ** (self.bits_stored - 1)) if self.signed else 0
        return low, low + 2**self.bits_stored - 1


def pixel_header(dataset: Dataset) -> PixelHeader:
    """What `dataset` says of its pixels; `DataError` unless it is one monochrome picture that can be decoded."""
    syntax = _syntax(dataset)
    frames = integer(dataset, "NumberOfFrames", 1)
    if frames not in (0, 1):
        raise DataError(f"DICOM: {frames} frames, expected one ({named('NumberOfFrames')})")
    photometric = word(dataset, "PhotometricInterpretation")
    samples = integer(dataset, "SamplesPerPixel", 1)
    if photometric not in MONOCHROME:
        known = photometric if photometric in COLOUR else "unknown"
        raise DataError(f"DICOM: {named('PhotometricInterpretation')} is {known}, expected MONOCHROME1 or MONOCHROME2")
    if samples != 1:
        raise DataError(f"DICOM: {named('SamplesPerPixel')} is {samples}, expected 1")
    rows, columns = integer(dataset, "Rows"), integer(dataset, "Columns")
    check_size(rows, columns)
    allocated, stored = integer(dataset, "BitsAllocated"), integer(dataset, "BitsStored")
    if allocated not in (8, 16):
        raise DataError(f"DICOM: {named('BitsAllocated')} is {allocated}, expected 8 or 16")
    if not 1 < stored <= allocated:
        raise DataError(f"DICOM: {named('BitsStored')} is {stored}, expected 2 to {allocated} (the bits allocated)")
    high = integer(dataset, "HighBit", stored - 1)
    if high != stored - 1:
        raise DataError(f"DICOM: {named('HighBit')} is {high}, expected {stored - 1}, one less than the bits stored")
    signed = integer(dataset, "PixelRepresentation")
    if signed not in (0, 1):
        raise DataError(f"DICOM: {named('PixelRepresentation')} is {signed}, expected 0 (unsigned) or 1 (signed)")
    return PixelHeader(syntax, rows, columns, allocated, stored, bool(signed), photometric == "MONOCHROME1")


def _syntax(dataset: Dataset) -> uid.UID:
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if not syntax:
        raise DataError(f"DICOM: no {named('TransferSyntaxUID')}")
    if syntax not in DECODABLE:
        if not isinstance(syntax, uid.UID) or not syntax.is_valid:
            raise damaged("transfer syntax")
        name = f"{syntax.name} ({syntax})" if syntax.name != syntax else syntax
        raise DataError(f"DICOM: cannot decode transfer syntax {name}")
    return syntax


def raw_integers(dataset: Dataset, header: PixelHeader) -> np.ndarray:
    """The pixels as unsigned integers [Rows, Columns], the bits above those stored as they come.

    One decoder for each transfer syntax, whatever else is installed: the same file has the same pixels everywhere. Each
    is kept to the header's Rows x Columns before it takes memory.
    """
    with parsing("pixel data"):
        raw = _native(dataset, header) if header.syntax in NATIVE else _decompressed(dataset, header)
        if raw.shape != (header.rows, header.columns):
            raise damaged("not Rows x Columns pixels")
    return raw


def stored_integers(raw: np.ndarray, header: PixelHeader) -> np.ndarray:
    """Raw pixels, of which decoders of JPEG know no sign, as the header means them: 16-bit integers."""
    unused = 16 - header.bits_stored
    shifted = raw.astype(np.uint16) << unused
    return (shifted.view(np.int16) if header.signed else shifted) >> unused


def _native(dataset: Dataset, header: PixelHeader) -> np.ndarray:
    element = dataset["PixelData"]
    if element.is_undefined_length:
        raise DataError(f"DICOM: compressed pixel data, but {named('TransferSyntaxUID')} says none or another form")
    data = bytes(element.value or b"")
    width = header.bits_allocated // 8
    pixels = header.rows * header.columns
    if len(data) < pixels * width:
        raise damaged("pixel data is short")
    if header.syntax != uid.ExplicitVRBigEndian:
        raw = np.frombuffer(data, dtype=f"<u{width}", count=pixels)
    elif element.VR == "OW":
        words = np.frombuffer(data[: len(data) // 2 * 2], dtype=">u2").astype("<u2")  # single bytes are swapped, too
        raw = words.view(f"<u{width}")[:pixels]
    else:
        raw = np.frombuffer(data, dtype=f">u{width}", count=pixels)
    return raw.reshape(header.rows, header.columns)


def _decompressed(dataset: Dataset, header: PixelHeader) -> np.ndarray:
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    if header.syntax == uid.RLELossless:
        return decode_run_lengths(frame, header.rows, header.columns, header.bits_allocated)
    if not frame.rstrip(b"\0").endswith(END_OF_IMAGE):
        raise damaged("code stream without an end")
    stream = jpeg_header(frame) if header.syntax in JPEG else jpeg_2000_header(frame)
    if stream is None:
        raise damaged("code stream without a frame header")
    if (stream.rows, stream.columns, stream.components) != (header.rows, header.columns, 1):
        raise damaged("code stream is not Rows x Columns")
    if stream.signed and not header.signed:
        raise DataError(
            f"DICOM: {named('PixelRepresentation')} is 0 (unsigned), expected 1: the JPEG 2000 code stream is signed"
        )
    if header.syntax in JPEG_2000:
        dataset.SamplesPerPixel = 1  # the decoder asks for it
        decoded = pixel_array(dataset, decoding_plugin="pylibjpeg")
    else:
        decoded = imagecodecs.jpeg8_decode(frame)
    return decoded.view(f"u{decoded.itemsize}")
