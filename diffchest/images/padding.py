"""DICOM pixels that are no picture: PixelPaddingValue and PixelPaddingRangeLimit (PS3.3 C.7.5.1.1.2)."""

import numpy as np
from pydicom import Dataset

from diffchest.errors import DataError
from diffchest.images.dicom_header import integer, named, parsing
from diffchest.images.dicom_pixels import PixelHeader

ABSENT = 2**32  # no element of 16 bits holds it


def padded_pixels(raw: np.ndarray, stored: np.ndarray, dataset: Dataset, header: PixelHeader) -> np.ndarray | None:
    """Mask [Rows, Columns] of the padding, None where there is none; compared with stored values, before any rescale.

    The elements have 16 bits whatever the pixels have and are written with either sign; a padding value that the bits
    stored cannot hold is looked for among the bits allocated. Raises `DataError` where every pixel is padding.
    """
    value = integer(dataset, "PixelPaddingValue", ABSENT)
    if value == ABSENT:
        return None
    limit = integer(dataset, "PixelPaddingRangeLimit", value)
    with parsing(named("PixelPaddingValue")):
        low, high = sorted(_meant(number, header) for number in (value, limit))
        least, largest = header.limits
        if least <= low and high <= largest:
            mask = (stored >= low) & (stored <= high)
        else:
            allocated = raw.view(f"i{raw.itemsize}") if header.signed else raw
            mask = (allocated.astype(np.int32) >= low) & (allocated.astype(np.int32) <= high)
    if mask.all():
        raise DataError(f"DICOM: every pixel has the {named('PixelPaddingValue')}")
    return mask if mask.any() else None


def _meant(value: int, header: PixelHeader) -> int:
    """A padding value as a pixel of this sign: 63536 of signed pixels is -2000, -1 of unsigned ones the largest."""
    numbers = 2**header.bits_allocated
    if not -numbers // 2 <= value < numbers:
        return value  # no pixel has it
    turned = value % numbers
    return turned - numbers if header.signed and turned >= numbers // 2 else turned
