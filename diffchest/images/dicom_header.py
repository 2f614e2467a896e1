"""Elements of a DICOM header: each is read, or named by keyword and tag in the reason why it cannot be."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword

from diffchest.errors import DataError

TEXT = ("DS", "IS", "LO", "SH", "ST", "LT", "UT", "UC", "CS", "UN")  # value representations of written numbers
DECIMAL_COMMA = re.compile(r"([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)")
TOLD = re.compile(r"[0-9eE+.,\\ -]*")  # a reason repeats numbers only: a damaged element may hold a patient's name
BLANK = " \0\t\r\n"


def named(keyword: str) -> str:
    """Keyword and tag, `WindowCenter (0028,1050)`."""
    tag = int(tag_for_keyword(keyword) or 0)
    return f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def damaged(what: str) -> DataError:
    """The error for a file that does not hold what it should."""
    return DataError(f"truncated or damaged (DICOM: {what})")


@contextmanager
def parsing(what: str) -> Iterator[None]:
    """Turn whatever a parser or decoder raises on damaged data into a `DataError` that names `what` was parsed."""
    try:
        yield
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"not enough memory (DICOM: {what})") from None
    except Exception:  # they raise many types
        raise damaged(what) from None


def decimals(dataset: Dataset, keyword: str) -> list[float]:
    """The numbers of an element, [] where it is absent or empty; a decimal comma counts as a point.

    Raises `DataError` where it holds anything else, or a number that is not finite.
    """
    tag = tag_for_keyword(keyword) or 0
    element = dataset.get_item(tag)
    if element is None:
        return []
    written = element.value
    if isinstance(written, bytes) and (element.VR or dictionary_VR(tag)) in TEXT:
        numbers = _read(written.decode("latin-1"))
    else:
        with parsing(named(keyword)):
            numbers = _listed(dataset[tag].value)
    if numbers is None or not np.isfinite(numbers).all():
        raise DataError(f"DICOM: {named(keyword)} is {_told(written)}, expected a number")
    return numbers


def listed(numbers: Sequence[float]) -> str:
    """Numbers as DICOM writes them, `0.2\\0.1`, and of many only how many."""
    return "\\".join(f"{number:g}" for number in numbers) if len(numbers) <= 3 else f"{len(numbers)} numbers"


def integer(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """The only whole number of an element; `default` where it is absent or empty, `DataError` without one."""
    numbers = decimals(dataset, keyword)
    if not numbers and default is not None:
        return default
    if not numbers:
        raise DataError(f"DICOM: no {named(keyword)}")
    if len(numbers) > 1 or numbers[0] % 1:
        raise DataError(f"DICOM: {named(keyword)} is {listed(numbers)}, expected one whole number")
    return int(numbers[0])


def word(dataset: Dataset, keyword: str, default: str | None = None) -> str:
    """An element's code in capitals; `default` where it is absent or empty, `DataError` without one."""
    with parsing(named(keyword)):
        value = dataset.get(keyword)
        text = "" if value is None else str(value).strip(BLANK).upper()
    if not text and default is None:
        raise DataError(f"DICOM: no {named(keyword)}")
    return text or str(default)


def _read(written: str) -> list[float] | None:
    """The numbers of a text between backslashes, None where one is none."""
    parts = [part.strip(BLANK) for part in written.split("\\")]
    if not any(parts):
        return []
    try:
        return [float(DECIMAL_COMMA.sub(r"\1.\2", part) if DECIMAL_COMMA.fullmatch(part) else part) for part in parts]
    except ValueError:
        return None


def _listed(value: object) -> list[float] | None:
    """The numbers that the parser made of a binary value, or of one set in memory."""
    if value is None or (isinstance(value, str | bytes) and not value):
        return []
    if isinstance(value, str):
        return _read(value)
    if isinstance(value, bytes):
        return None
    return [float(number) for number in np.ravel(np.asarray(value, dtype=np.float64))]


def _told(written: object) -> str:
    text = written.decode("latin-1") if isinstance(written, bytes) else str(written)
    text = text.strip(BLANK)
    return repr(text[:32]) if TOLD.fullmatch(text) else "no number"
