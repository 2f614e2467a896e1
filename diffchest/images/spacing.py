"""DICOM pixels that are not square are resampled, so that a circle in the patient is one in the picture."""

import numpy as np
from PIL import Image
from pydicom import Dataset

from diffchest.errors import DataError
from diffchest.images.dicom_header import decimals, listed, named

# The first that is there and not 0 counts; each holds the vertical size of a pixel, then the horizontal one.
ELEMENTS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio")
SQUARE = 0.01  # by so much may height and width of a pixel differ and count as equal: detectors are measured, too
MOST = 4.0  # more is no detector


def square_pixels(shown: np.ndarray, dataset: Dataset) -> np.ndarray:
    """`shown` [H, W] in [0, 1], its finer direction coarsened (Lanczos) to the other, where pixels are not square.

    Raises `DataError` naming the element where one holds no two sizes, or one side more than `MOST` times the other.
    """
    ratio = _height_by_width(dataset)
    if abs(np.log(ratio)) <= np.log1p(SQUARE):
        return shown
    height, width = shown.shape
    if ratio > 1.0:
        width = max(1, round(width / ratio))
    else:
        height = max(1, round(height * ratio))
    resized = Image.fromarray(np.ascontiguousarray(shown)).resize((width, height), Image.Resampling.LANCZOS)
    return np.clip(np.asarray(resized), 0.0, 1.0)


def _height_by_width(dataset: Dataset) -> float:
    """How many times as tall as wide a pixel is; 1 where nothing says."""
    for keyword in ELEMENTS:
        sizes = decimals(dataset, keyword)
        if not any(sizes):
            continue
        told = listed(sizes)
        if len(sizes) != 2 or min(sizes) <= 0.0:
            raise DataError(f"DICOM: {named(keyword)} is {told}, expected height and width of a pixel")
        if not 1.0 / MOST <= sizes[0] / sizes[1] <= MOST:
            raise DataError(f"DICOM: {named(keyword)} is {told}: pixels more than {MOST:g} times as long as wide")
        return sizes[0] / sizes[1]
    return 1.0
