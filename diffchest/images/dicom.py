"""DICOM radiographs to pixels as they are meant to be seen: rescale, VOI LUT or window, MONOCHROME1 (PS3.3 C.11)."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
from pydicom import Dataset, dcmread, uid
from pydicom.encaps import get_frame
from pydicom.filereader import read_dataset
from pydicom.pixels.processing import apply_modality_lut
from pydicom.pixels.utils import pixel_array

from diffchest.errors import DataError
from diffchest.images.pixel_limits import check_size

PREAMBLE = 128  # bytes before the magic word
INFLATED = 256 * 2**20  # bytes; the most a deflated file may hold
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
COLOUR = ("RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # JPEG markers
END_OF_IMAGE = b"\xff\xd9"  # of JPEG and of JPEG 2000 code streams
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
    """Whether `data` is a DICOM file (PS3.10 7.1)."""
    return data[PREAMBLE : PREAMBLE + 4] == b"DICM"


def decode_dicom(data: bytes) -> np.ndarray:
    """Decode a single-frame monochrome DICOM file to float32 [H, W] in [0, 1], 0 black.

    The stored values go through the modality LUT or rescale and then through the first VOI LUT, else the first window;
    0 and 1 are the ends of its output range. Without either they are the ends of what `BitsStored` bits can hold, not
    the image's own extremes. MONOCHROME1 is inverted; the Presentation LUT Shape says the same thing again in
    radiographs (PS3.3 C.8.11.3) and is not read. Raises `DataError`.
    """
    try:
        _check_inflated(data)
        dataset = dcmread(io.BytesIO(data), specific_tags=READ)
        _check(dataset)
        stored = _stored(dataset)
        if stored.shape != (dataset.Rows, dataset.Columns):
            raise _damaged("not Rows x Columns pixels")
        shown = _displayed(stored, dataset)
    except DataError:
        raise
    except (struct.error, EOFError):
        raise _damaged("header") from None
    except Exception as error:  # the parser and the decoders raise many types on damaged files
        raise _damaged(type(error).__name__) from None
    return 1.0 - shown if dataset.PhotometricInterpretation == "MONOCHROME1" else shown


def _check_inflated(data: bytes) -> None:
    """Refuse a deflated file that would fill the memory: pydicom inflates without a limit."""
    stream = io.BytesIO(data)
    stream.seek(PREAMBLE + 4)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, *_: tag.group != 2)
    if meta.get("TransferSyntaxUID") == uid.DeflatedExplicitVRLittleEndian:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            inflater.decompress(data[stream.tell() :], INFLATED)
        except zlib.error:
            raise _damaged("deflated data") from None
        if inflater.unconsumed_tail:
            raise DataError(f"DICOM: inflates to more than {INFLATED // 2**20} MiB")
        if not inflater.eof:
            raise _damaged("deflated data")


def _check(dataset: Dataset) -> None:
    """Refuse what is no single radiograph, from the header alone."""
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax not in DECODABLE:
        if not isinstance(syntax, uid.UID) or not syntax.is_valid:
            raise _damaged("transfer syntax")
        name = f"{syntax.name} ({syntax})" if syntax.name != syntax else syntax
        raise DataError(f"DICOM: cannot decode transfer syntax {name}")
    if "PixelData" not in dataset or "Rows" not in dataset:
        raise DataError("DICOM: no pixel data, or not all of it")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise DataError(f"DICOM: {frames} frames, expected one")
    photometric = str(dataset.PhotometricInterpretation)
    if photometric not in MONOCHROME or dataset.get("SamplesPerPixel", 1) != 1:
        known = photometric if photometric in COLOUR else "not a monochrome image"
        raise DataError(f"DICOM: {known}, expected MONOCHROME1 or MONOCHROME2")
    check_size(dataset.Rows, dataset.Columns)
    if dataset.BitsAllocated not in (8, 16):
        raise DataError("DICOM: bits allocated are not 8 or 16")
    bits = dataset.BitsStored
    if not 1 < bits <= dataset.BitsAllocated or dataset.get("HighBit", bits - 1) != bits - 1:
        raise DataError("DICOM: bits stored are not the lowest of those allocated")
    for name in ("RescaleSlope", "RescaleIntercept"):
        if name in dataset and not _has(dataset, name):
            del dataset[name]  # empty: as if it was not there
    if "PixelRepresentation" not in dataset:
        raise DataError("DICOM: no PixelRepresentation: signed or unsigned values?")
    if dataset.get("RescaleSlope") == 0.0:
        raise DataError("DICOM: rescale slope 0")


def _stored(dataset: Dataset) -> np.ndarray:
    """The stored integers [Rows, Columns], bits above `BitsStored` dropped.

    One decoder for each transfer syntax, whatever else is installed: the same file has the same pixels everywhere.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in NATIVE:
        expected = dataset.Rows * dataset.Columns * dataset.BitsAllocated // 8
        if len(dataset.PixelData) < expected:
            raise _damaged("pixel data is short")
        return pixel_array(dataset)
    if syntax == uid.RLELossless:
        return pixel_array(dataset, decoding_plugin="pydicom")  # pylibjpeg-rle's panics on damaged data pass `except`
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    if not frame.rstrip(b"\0").endswith(END_OF_IMAGE):
        raise _damaged("code stream without an end")
    size = _jpeg_size(frame) if syntax in JPEG else _jpeg_2000_size(frame)
    if size != (dataset.Rows, dataset.Columns, 1):
        raise _damaged("code stream is not Rows x Columns")
    if syntax in JPEG_2000:
        return pixel_array(dataset, decoding_plugin="pylibjpeg")
    return _extend(imagecodecs.jpeg8_decode(frame), dataset)


def _jpeg_size(frame: bytes) -> tuple[int, int, int]:
    """Height, width and components of a JPEG code stream, from its frame header (ISO 10918-1 B.2.2)."""
    position = 2
    while frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker in START_OF_FRAME:
            return struct.unpack_from(">HHB", frame, position + 5)
        # 0xFF may be repeated before a marker.
        position += 1 if marker == 0xFF else 2 + struct.unpack_from(">H", frame, position + 2)[0]
    raise _damaged("code stream without a frame header")


def _jpeg_2000_size(frame: bytes) -> tuple[int, int, int]:
    """Height, width and components of a JPEG 2000 code stream, from its SIZ segment (ISO 15444-1 A.5.1)."""
    if not frame.startswith(b"\xff\x4f\xff\x51"):
        raise _damaged("code stream without a frame header")
    right, bottom, left, top = struct.unpack_from(">IIII", frame, 8)
    return bottom - top, right - left, struct.unpack_from(">H", frame, 40)[0]


def _extend(decoded: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Decoded JPEG samples, which know no sign, as the dataset means them."""
    unused = 16 - dataset.BitsStored
    shifted = decoded.astype(np.uint16) << unused
    return (shifted.view(np.int16) if dataset.PixelRepresentation else shifted) >> unused


def _displayed(stored: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Stored integers to float32 in [0, 1] (PS3.3 C.11.1 and C.11.2)."""
    values = apply_modality_lut(stored, dataset)
    if not np.isfinite(values).all():
        raise _damaged("values that are not finite")
    if dataset.get("VOILUTSequence"):
        shown = _looked_up(values, dataset)
    elif _has(dataset, "WindowCenter") and _has(dataset, "WindowWidth"):
        shown = _windowed(values, dataset)
    else:
        low, high = _range(dataset)
        shown = (values - low) / (high - low)
    shown = shown.astype(np.float32)
    if not np.isfinite(shown).all():
        raise _damaged("values that are not finite")
    return np.clip(shown, 0.0, 1.0, out=shown)


def _range(dataset: Dataset) -> tuple[float, float]:
    """The least and the largest value that the modality LUT or rescale can give."""
    if dataset.get("ModalityLUTSequence"):
        return 0.0, 2.0 ** dataset.ModalityLUTSequence[0].LUTDescriptor[2] - 1.0
    low = -(2 ** (dataset.BitsStored - 1)) if dataset.PixelRepresentation else 0
    ends = apply_modality_lut(np.array([low, low + 2**dataset.BitsStored - 1]), dataset)
    return float(ends.min()), float(ends.max())  # a negative slope swaps them


def _looked_up(values: np.ndarray, dataset: Dataset) -> np.ndarray:
    """The first VOI LUT, by its nominal range (PS3.3 C.11.2.1.1); pydicom's wraps where its entries have 8 bits."""
    item = dataset.VOILUTSequence[0]
    entries, first, bits = item.LUTDescriptor
    entries = entries or 2**16  # 65,536 does not fit the field
    table = item.LUTData
    if isinstance(table, bytes):
        order = ">" if dataset.file_meta.TransferSyntaxUID == uid.ExplicitVRBigEndian else "<"
        table = np.frombuffer(table, dtype=f"{order}u2" if len(table) >= 2 * entries else "u1")
    table = np.atleast_1d(table)[:entries]
    if len(table) != entries or not 8 <= bits <= 16:
        raise _damaged("VOI LUT")
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, entries - 1)
    return (table / (2.0**bits - 1.0)).astype(np.float32)[index]


def _windowed(values: np.ndarray, dataset: Dataset) -> np.ndarray:
    """The first window (PS3.3 C.11.2.1.2 and C.11.2.1.3), by its output range."""
    center, width = (np.ravel(dataset[name].value)[0] for name in ("WindowCenter", "WindowWidth"))
    center, width = float(center), float(width)
    function = dataset.get("VOILUTFunction") or "LINEAR"
    if not width >= (1.0 if function == "LINEAR" else np.finfo(np.float32).tiny):
        raise DataError(f"DICOM: window width {width:g}")
    if function == "SIGMOID":
        return 1.0 / (1.0 + np.exp(-4.0 * (values - center) / width))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1.0
    elif function != "LINEAR_EXACT":
        raise DataError(f"DICOM: VOI LUT function {ascii(function)[1:17]}")
    if width == 0.0:
        return values > center
    return np.clip((values - center) / width + 0.5, 0.0, 1.0)


def _has(dataset: Dataset, keyword: str) -> bool:
    """Whether an element is there and not empty."""
    return keyword in dataset and dataset[keyword].VM > 0


def _damaged(what: str) -> DataError:
    return DataError(f"truncated or damaged (DICOM: {what})")
