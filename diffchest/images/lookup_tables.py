"""Modality and VOI lookup tables of DICOM files (PS3.3 C.11.1.1 and C.11.2.1.1), whatever their descriptors claim."""

from typing import NamedTuple

import numpy as np
from pydicom import Dataset, uid

from diffchest.errors import DataError
from diffchest.images.dicom_header import named, parsing
from diffchest.images.dicom_pixels import PixelHeader


class LookupTable(NamedTuple):
    """`entries` as unsigned integers, of which the first belongs to the value `first`."""

    first: int
    entries: np.ndarray

    @property
    def largest(self) -> float:
        """The largest number of as many bits as the largest entry needs.

        The descriptor's bits are not asked: some writers give the size of an entry in the file there, 16 for 12.
        """
        return 2.0 ** max(1, int(self.entries.max()).bit_length()) - 1.0

    def map(self, values: np.ndarray) -> np.ndarray:
        """The entries of `values`; those below the first value get the first, those above the last get the last."""
        index = np.rint(values).astype(np.int64) - self.first
        return self.entries[np.clip(index, 0, len(self.entries) - 1)]


def first_table(dataset: Dataset, keyword: str, header: PixelHeader, *, signed: bool) -> LookupTable | None:
    """The first item of the sequence `keyword`, None without one; `signed`: whether its input can be negative.

    A damaged table is an error that names it.
    """
    with parsing(named(keyword)):
        items = dataset.get(keyword)
        if not items:
            return None
        count, first, _ = _descriptor(items[0], keyword, header)
        entries = _entries(items[0], count, keyword, header)
    # In implicit VR nothing but the values themselves says whether the first one is signed.
    if signed and first >= 2**15:
        first -= 2**16
    elif not signed and first < 0 and header.syntax == uid.ImplicitVRLittleEndian:
        first += 2**16
    return LookupTable(first, entries)


def _order(header: PixelHeader) -> str:
    return ">" if header.syntax == uid.ExplicitVRBigEndian else "<"


def _descriptor(item: Dataset, keyword: str, header: PixelHeader) -> tuple[int, int, int]:
    """Number of entries, first value mapped, and bits of an entry, which nothing relies on."""
    value = item.get("LUTDescriptor")
    if isinstance(value, bytes):
        value = np.frombuffer(value, dtype=f"{_order(header)}u2").tolist()
    numbers = [int(number) for number in np.ravel(value)] if value is not None else []
    if len(numbers) != 3:
        raise DataError(f"DICOM: {named(keyword)}: {named('LUTDescriptor')} has {len(numbers)} numbers, expected 3")
    return numbers[0] % 2**16 or 2**16, numbers[1], numbers[2] % 2**16  # 65,536 does not fit the field


def _entries(item: Dataset, count: int, keyword: str, header: PixelHeader) -> np.ndarray:
    """The entries, in words or packed two to a word."""
    data = item.get("LUTData")
    if data is None:
        raise DataError(f"DICOM: {named(keyword)}: no {named('LUTData')}")
    if isinstance(data, bytes):
        words = np.frombuffer(data + b"\0" * (len(data) % 2), dtype=f"{_order(header)}u2").astype("<u2")
    else:
        words = (np.ravel(data).astype(np.int64) % 2**16).astype("<u2")
    if len(words) == count:
        return words
    if len(words) == (count + 1) // 2:
        return words.view(np.uint8)[:count]
    raise DataError(f"DICOM: {named(keyword)}: {named('LUTData')} has {len(words)} words for {count} entries")
