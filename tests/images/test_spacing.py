"""Pixels that are not square: a disc in the patient stays a disc."""

import numpy as np
import pytest

from diffchest.errors import DataError
from diffchest.images.decoding import decode
from tests.helpers.dicom_files import dicom

ELEMENTS = ["PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"]


def disc(height, width, tall):
    """A disc of 50 widths in pixels `tall` times as tall as wide."""
    y, x = np.mgrid[0:height, 0:width]
    inside = ((y - (height - 1) / 2) * tall) ** 2 + (x - (width - 1) / 2) ** 2 < 25**2
    return np.where(inside, 4095, 100)


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize(("sizes", "shape"), [((2, 1), (64, 128)), ((1, 2), (128, 64)), ((3, 2), (80, 120))])
def test_a_disc_stays_one(element, sizes, shape):
    tall = sizes[0] / sizes[1]
    values = disc(*shape, tall) if tall > 1 else disc(*shape[::-1], 1 / tall).T
    shown = decode(dicom(values, bits=12, **{element: [str(size) for size in sizes]})) > 0.5
    height, width = (shown.any(axis=axis).sum() for axis in (1, 0))
    assert shown.shape == (round(min(shape)), round(min(shape)))
    assert abs(height - width) <= 2
    radius = 25 / max(tall, 1 / tall)
    assert shown.sum() == pytest.approx(np.pi * radius**2, rel=0.06)


@pytest.mark.parametrize(
    "said", [{}, {"PixelSpacing": [0.143, 0.1433]}, {"PixelSpacing": [0, 0]}, {"PixelSpacing": None}]
)
def test_square_pixels_are_left_alone(said):
    values = np.arange(64 * 48).reshape(64, 48)
    np.testing.assert_array_equal(decode(dicom(values, bits=12, **said)), decode(dicom(values, bits=12)))


def test_the_first_element_that_says_something_counts():
    values = np.arange(64 * 48).reshape(64, 48)
    assert decode(dicom(values, bits=12, PixelSpacing=[0, 0], ImagerPixelSpacing=[1, 2])).shape == (32, 48)
    assert decode(dicom(values, bits=12, PixelSpacing=[1, 1], ImagerPixelSpacing=[1, 2])).shape == (64, 48)


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [([1, 9], "more than 4 times as long as wide"), ([1, -1], "height and width"), ([1], "height and")],
)
@pytest.mark.parametrize("element", ELEMENTS)
def test_what_no_detector_has_is_named(element, sizes, reason):
    with pytest.raises(DataError, match=rf"DICOM: {element} \(00\w\w,\w{{4}}\) is .*{reason}"):
        decode(dicom(np.arange(4096).reshape(64, 64), bits=12, **{element: sizes}))
