"""Image files to pixels: PNG and JPEG here, DICOM in `diffchest.images.dicom`, told apart by content, never by name."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
from PIL import Image, ImageOps

from diffchest.errors import DataError
from diffchest.images.code_streams import jpeg_header
from diffchest.images.dicom import decode_dicom
from diffchest.images.dicom_file import is_dicom
from diffchest.images.pixel_limits import check_size, too_large

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
PNG_BITS = 16  # of a deep PNG that nothing is said of: its samples span all of them (PNG 12.4, no sBIT)
DEEP_GRAY = b"\x10\0"  # bit depth and colour type of the header chunk (PNG 11.2.1)
STRAY = 0.001  # of a deep PNG's pixels, the brightest: burnt-in marks and dead detectors say nothing of the others
SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L")
CHATTY = ("PIL", "pydicom", "openjpeg", "pylibjpeg")  # loggers that report every oddity of a damaged file


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """No warnings from the decoders inside: the reason of a rejection is told once, by `DataError`."""
    levels = {name: logging.getLogger(name).level for name in CHATTY}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def decode(data: bytes, *, bits_stored: int | None = None, invert: bool = False) -> np.ndarray:
    """Decode a PNG, JPEG or DICOM file to [H, W]: uint8 for PNG and JPEG of 8 bits, else float32 in [0, 1].

    Of several images in a file, the first. 16-bit gray is divided by the largest value of `bits_stored` bits (None: all
    16; what one image holds never decides), never cut to 8 bits; `STRAY` pixels above it are white, more an error.
    Colour, palette and CMYK images (as Adobe writes them) become luma; transparency is ignored: a pixel keeps its
    colour however transparent it is. Turned as an orientation mark (Exif) says. `invert`: white means low values
    (MONOCHROME1). A DICOM file says both for itself, and is believed: `bits_stored` and `invert` do not apply to it.
    Raises `DataError` with a short reason for whatever cannot be decoded.
    """
    if not data:
        raise DataError("empty file")
    if is_dicom(data):
        return decode_dicom(data)
    if data.startswith(PNG_SIGNATURE):
        image = _opened(data, "PNG")
    elif data.startswith(JPEG_SIGNATURE):
        image = _opened(data, "JPEG")
    else:
        raise DataError("not a PNG, JPEG or DICOM file")
    pixels = _gray(image, bits_stored)
    if invert:
        pixels = 255 - pixels if pixels.dtype == np.uint8 else 1.0 - pixels
    return pixels


def brightest(values: np.ndarray) -> int:
    """The value that all but `STRAY` of the pixels of a deep PNG keep to."""
    return int(np.quantile(values, 1.0 - STRAY, method="lower"))


def deep_values(data: bytes) -> np.ndarray | None:
    """The integers [H, W] of a 16-bit gray PNG as they are, None for any other file; raises `DataError` as `decode`."""
    if not data.startswith(PNG_SIGNATURE) or data[24:26] != DEEP_GRAY:
        return None
    return np.asarray(_opened(data, "PNG")).astype(np.uint16)


def _opened(data: bytes, form: str) -> Image.Image:
    """The loaded image, after checks that need no decoding."""
    try:
        image = Image.open(io.BytesIO(data), formats=(form,))
    except Image.DecompressionBombError:
        raise too_large() from None
    except Exception:  # Pillow's parsers raise many types on damaged headers
        raise _unreadable(data, form) from None
    check_size(image.height, image.width)
    if image.mode not in SIXTEEN_BIT_MODES and ";16" in str(image.tile[0][3] if image.tile else ""):
        raise DataError("16-bit PNG with colour or transparency; store 16-bit gray, or 8 bits")
    try:
        image.load()
    except MemoryError:
        raise DataError(f"not enough memory ({form})") from None
    except Exception:  # as above
        raise _damaged(form, "pixel data") from None
    with suppress(Exception):  # a damaged mark says nothing of the pixels
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _gray(image: Image.Image, bits_stored: int | None) -> np.ndarray:
    if image.mode in SIXTEEN_BIT_MODES:
        pixels = np.asarray(image).astype(np.float32)
        largest = 2.0 ** (bits_stored or PNG_BITS) - 1.0
        found = int(pixels.max())
        if found > largest and brightest(pixels) > largest:
            raise DataError(
                f"pixel values (to {found}) exceed the {bits_stored} bits that are stored by the table, or by "
                f"`bits_stored` of the cohort"
            )
        pixels /= largest
        return np.minimum(pixels, 1.0, out=pixels)
    gray = image.convert("RGB").convert("L") if image.mode in ("P", "PA") else image.convert("L")
    return np.asarray(gray)


def _unreadable(data: bytes, form: str) -> DataError:
    """Why the header of a file cannot be read: JPEG of more than 8 bits is whole, and has no reader here."""
    header = jpeg_header(data) if form == "JPEG" else None
    if header is not None and header.bits in (12, 16):
        return DataError(f"JPEG of {header.bits} bits a sample, expected 8; store 16-bit gray PNG, DICOM, or 8 bits")
    return _damaged(form, "header")


def _damaged(form: str, what: str) -> DataError:
    return DataError(f"truncated or damaged ({form}: {what})")
