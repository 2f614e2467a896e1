"""Opening DICOM files (PS3.10), those without preamble or file meta information too, and not those that would burst."""

import io
import struct
import zlib

from pydicom import Dataset, dcmread, uid
from pydicom.filereader import read_dataset
from pydicom.valuerep import VR

from diffchest.errors import DataError
from diffchest.images.dicom_header import damaged, parsing

PREAMBLE = 128  # bytes before the magic word
MAGIC = b"DICM"
INFLATED = 256 * 2**20  # bytes; the most a deflated file may hold
FIRST_GROUPS = (0x0002, 0x0008, 0x0010, 0x0018, 0x0020, 0x0028)  # that a bare data set begins with
CODES = {member.value.encode() for member in VR if len(member.value) == 2}
# Nothing else is parsed, so damage elsewhere in a file does no harm.
READ = [
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "PixelAspectRatio",
    "ModalityLUTSequence",
    "RescaleSlope",
    "RescaleIntercept",
    "VOILUTSequence",
    "VOILUTFunction",
    "WindowCenter",
    "WindowWidth",
    "PixelData",
]


def is_dicom(data: bytes) -> bool:
    """Whether `data` is a DICOM file (PS3.10 7.1), or a bare data set as some systems write it."""
    return _whole(data) is not None


def open_dicom(data: bytes, *, pixels: bool = True) -> Dataset:
    """The elements `READ` of a DICOM file, all but the pixel data without `pixels`; `DataError` where it has none."""
    whole = _whole(data)
    if whole is None:
        raise damaged("header")
    with parsing("header"):
        _check_inflated(whole)
        dataset = dcmread(io.BytesIO(whole), specific_tags=READ, stop_before_pixels=not pixels)
    if pixels and "PixelData" not in dataset:
        raise DataError("DICOM: no pixel data, or not all of it")
    return dataset


def _whole(data: bytes) -> bytes | None:
    """`data` with the preamble, the magic word and the transfer syntax that it may lack; None for other files."""
    marked = data[PREAMBLE : PREAMBLE + 4] == MAGIC
    if marked or data[:4] == MAGIC:
        start = PREAMBLE + 4 if marked else 4
    else:
        start = PREAMBLE if data[:PREAMBLE] == bytes(PREAMBLE) else 0
    syntax = _syntax(data, start)
    if syntax is None:
        return data if marked else None
    if data[start : start + 2] == b"\x02\0":  # the file meta information says the transfer syntax
        return data if marked else bytes(PREAMBLE) + MAGIC + data[start:]
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    return bytes(PREAMBLE) + MAGIC + struct.pack("<HH2sH", 2, 0x0010, b"UI", len(value)) + value + data[start:]


def _syntax(data: bytes, start: int) -> str | None:
    """How the elements from `start` on are encoded if they are elements: the first one is known, the next one above."""
    if len(data) < start + 24:
        return None
    if data[start + 4 : start + 6] in CODES:
        for order, syntax in (("<", uid.ExplicitVRLittleEndian), (">", uid.ExplicitVRBigEndian)):
            if struct.unpack_from(f"{order}H", data, start)[0] in FIRST_GROUPS:
                return syntax
        return None
    group, element, length = struct.unpack_from("<HHI", data, start)
    if group not in FIRST_GROUPS or start + 16 + length > len(data):
        return None
    following = struct.unpack_from("<HH", data, start + 8 + length)
    return uid.ImplicitVRLittleEndian if (group, element) < following < (0x7FE1, 0) else None


def _check_inflated(data: bytes) -> None:
    """Refuse a deflated file that would fill the memory: pydicom inflates without a limit."""
    stream = io.BytesIO(data)
    stream.seek(PREAMBLE + 4)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, *_: tag.group != 2)
    if meta.get("TransferSyntaxUID") != uid.DeflatedExplicitVRLittleEndian:
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflater.decompress(data[stream.tell() :], INFLATED)
    except zlib.error:
        raise damaged("deflated data") from None
    if inflater.unconsumed_tail:
        raise DataError(f"DICOM: inflates to more than {INFLATED // 2**20} MiB")
    if not inflater.eof:
        raise damaged("deflated data")
