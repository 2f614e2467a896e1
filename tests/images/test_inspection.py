"""What is said of squares whose fault is known."""

import numpy as np
import pytest

from diffchest.images.inspection import look
from diffchest.images.squares import to_square

RAMP = np.arange(4096).reshape(64, 64)


@pytest.mark.parametrize("gray", [0, 1, 37, 255])
@pytest.mark.parametrize("shape", [(64, 64), (64, 40), (20, 64)])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_one_gray_is_rejected_whatever_the_border(gray, shape, kind):
    pixels = np.full(shape, gray if kind is np.uint8 else gray / 255, dtype=kind)
    seen = look(to_square(pixels, 64))
    inside = " inside its black border" if gray and shape != (64, 64) else ""
    assert seen.rejected == f"constant: every pixel{inside} has the gray level {gray} of 255"
    assert look(to_square(pixels[:10, :10], 64)).rejected  # enlarged


def test_a_usual_square_is_passed():
    assert look((RAMP // 16).astype(np.uint8)) == ("", "")
    assert look(to_square((RAMP // 16).astype(np.uint8)[:, :30], 64)) == ("", "")


@pytest.mark.parametrize(
    ("square", "remark"),
    [
        (RAMP // 128 * 8 + 4, r"few gray levels (32 of 256)"),
        (RAMP // 256 + 1, "few gray levels (16 of 256), nearly black (mean 8 of 255)"),
        (254 - RAMP // 256, "few gray levels (16 of 256), nearly white (mean 246 of 255)"),
    ],
)
def test_odd_squares_are_told(square, remark):
    found = look(square.astype(np.uint8))
    assert found.rejected == ""
    assert found.remark == remark


def test_few_pixels_have_few_grays():
    assert look((np.arange(64).reshape(8, 8) // 2 * 8).astype(np.uint8)).remark == ""
