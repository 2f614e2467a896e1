"""What was decoded is looked at, whatever went wrong before: squares of one gray or few, nearly black or white."""

from typing import NamedTuple

import numpy as np

CONSTANT = "constant"  # a reason begins so
REMARKS = FEW, BLACK, WHITE = "few gray levels", "nearly black", "nearly white"  # a remark holds one or more
GRAYS = 64  # fewer are too few for a radiograph; of squares of few pixels, a quarter of their number
DARK, BRIGHT = 16.0, 240.0  # mean gray of 255 outside of which a square is nearly black, or white


class Look(NamedTuple):
    """`rejected`: why a square is no radiograph; `remark`: what is odd about it; "" for neither."""

    rejected: str = ""
    remark: str = ""


def look(square: np.ndarray) -> Look:
    """Judge a uint8 square [S, S] by the rectangle that is not black: a border says nothing of the picture."""
    picture = _inside(square)
    darkest, brightest = int(picture.min()), int(picture.max())
    if darkest == brightest:
        inside = "" if picture.size == square.size else " inside its black border"
        return Look(rejected=f"{CONSTANT}: every pixel{inside} has the gray level {darkest} of 255")
    grays = int(np.count_nonzero(np.bincount(picture.ravel(), minlength=256)))
    mean = float(picture.mean())
    remarks = []
    if grays < min(GRAYS, picture.size // 4):
        remarks.append(f"{FEW} ({grays} of 256)")
    if mean < DARK:
        remarks.append(f"{BLACK} (mean {mean:.0f} of 255)")
    if mean > BRIGHT:
        remarks.append(f"{WHITE} (mean {mean:.0f} of 255)")
    return Look(remark=", ".join(remarks))


def _inside(square: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(square.any(axis=1)), np.flatnonzero(square.any(axis=0))
    if not len(rows):
        return square
    return square[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
