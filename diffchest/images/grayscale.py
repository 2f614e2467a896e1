"""Stored DICOM values to shades of gray: modality LUT or rescale, then VOI LUT or window (PS3.3 C.11.1 and C.11.2)."""

from typing import NamedTuple

import numpy as np
from pydicom import Dataset

from diffchest.errors import DataError
from diffchest.images.dicom_header import damaged, decimals, named, word
from diffchest.images.dicom_pixels import PixelHeader
from diffchest.images.lookup_tables import first_table

FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
USED = 0.25  # of the possible range; below it the values in use are shown instead
OUTLIERS = 0.001  # of the pixels at either end, which do not decide what is in use: burnt-in marks, dead detectors


class Rescaled(NamedTuple):
    """Values after the modality LUT or rescale, and the least and largest that are possible."""

    values: np.ndarray
    low: float
    high: float


def shown(stored: np.ndarray, padding: np.ndarray | None, dataset: Dataset, header: PixelHeader) -> np.ndarray:
    """Stored integers to float32 in [0, 1] by the first VOI LUT, else the first window, else the possible range.

    Where without both the values use less than `USED` of the possible range, they are spread over [0, 1] instead.
    Pixels of the mask `padding` decide nothing. Raises `DataError` naming the elements that would show every value as
    one gray.
    """
    rescaled = _rescaled(stored, dataset, header)
    used = rescaled.values if padding is None else rescaled.values[~padding]
    table = first_table(dataset, "VOILUTSequence", header, signed=rescaled.low < 0.0)
    center, width = decimals(dataset, "WindowCenter"), decimals(dataset, "WindowWidth")
    if table is not None:
        by = named("VOILUTSequence")
        gray = table.map(rescaled.values) / table.largest
    elif center and width:
        by = f"{named('WindowCenter')} {center[0]:g} with {named('WindowWidth')} {width[0]:g}"
        gray = _windowed(rescaled.values, center[0], width[0], word(dataset, "VOILUTFunction", "LINEAR"))
    else:
        by = named("BitsStored")
        low, high = _range_in_use(used, rescaled)
        gray = (rescaled.values - low) / (high - low)
    gray = gray.astype(np.float32)
    if not np.isfinite(gray).all():
        raise damaged("values that are not finite")
    np.clip(gray, 0.0, 1.0, out=gray)
    _check_contrast(gray if padding is None else gray[~padding], used, by)
    return gray


def _rescaled(stored: np.ndarray, dataset: Dataset, header: PixelHeader) -> Rescaled:
    table = first_table(dataset, "ModalityLUTSequence", header, signed=header.signed)
    if table is not None:
        return Rescaled(table.map(stored), 0.0, table.largest)
    slope = (decimals(dataset, "RescaleSlope") or [1.0])[0]
    intercept = (decimals(dataset, "RescaleIntercept") or [0.0])[0]
    if slope == 0.0:
        raise DataError(f"DICOM: {named('RescaleSlope')} is 0")
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = sorted(limit * slope + intercept for limit in header.limits)  # a negative slope swaps them
        values = stored if (slope, intercept) == (1.0, 0.0) else stored.astype(np.float64) * slope + intercept
    if not np.isfinite([low, high]).all():
        raise damaged("values that are not finite")
    return Rescaled(values, low, high)


def _range_in_use(used: np.ndarray, rescaled: Rescaled) -> tuple[float, float]:
    """The range to show without a window: the possible one, or where hardly any of that is in use, what is."""
    low = float(np.quantile(used, OUTLIERS, method="lower"))
    high = float(np.quantile(used, 1.0 - OUTLIERS, method="higher"))
    if low == high:
        low, high = float(used.min()), float(used.max())
    if low == high or high - low >= USED * (rescaled.high - rescaled.low):
        return rescaled.low, rescaled.high
    return low, high


def _windowed(values: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """A window (PS3.3 C.11.2.1.2 and C.11.2.1.3), by its output range."""
    if function not in FUNCTIONS:
        raise DataError(f"DICOM: {named('VOILUTFunction')} is none of {', '.join(FUNCTIONS)}")
    if not width >= (1.0 if function == "LINEAR" else np.finfo(np.float32).tiny):
        expected = "1 or more" if function == "LINEAR" else "more than 0"
        raise DataError(f"DICOM: {named('WindowWidth')} is {width:g}, expected {expected}")
    values = values.astype(np.float64)
    if function == "SIGMOID":
        with np.errstate(over="ignore"):  # exp of much: black
            return 1.0 / (1.0 + np.exp(-4.0 * (values - center) / width))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1.0
    if width == 0.0:
        return values > center
    return np.clip((values - center) / width + 0.5, 0.0, 1.0)


def _check_contrast(gray: np.ndarray, used: np.ndarray, by: str) -> None:
    """Refuse a window or LUT that lies beside the values: all of them would be one gray of 256."""
    if np.rint(gray.min() * 255.0) == np.rint(gray.max() * 255.0) and used.min() != used.max():
        raise DataError(f"DICOM: {by} shows all values, {used.min():g} to {used.max():g}, as one gray: no contrast")
