"""How many bits the 16-bit PNG files of a cohort use, where nothing says it: one number for all, from a sample."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from diffchest.errors import DataError
from diffchest.images.decoding import brightest, deep_values, quiet_decoders
from diffchest.images.sources import SourceReader

LOOKED_AT = 32  # images of a cohort, evenly spread
BITS = (8, 10, 12, 14, 16)  # that detectors have


def brightest_values(root: str | Path, sources: Sequence[str]) -> list[int]:
    """The `brightest` value of each 16-bit gray PNG in the sample of `sources`.

    Images that cannot be read are passed over: decoding gives the reason.
    """
    rows = np.unique(np.linspace(0, len(sources) - 1, min(LOOKED_AT, len(sources))).round().astype(int))
    reader, found = SourceReader(root), []
    for row in map(int, rows):
        try:
            with quiet_decoders():
                values = deep_values(reader.read(sources[row]))
        except DataError:
            continue
        if values is not None:
            found.append(brightest(values))
    return found


def fewest_bits(brightest: Sequence[int]) -> int:
    """The fewest of `BITS` that hold every value."""
    return next(bits for bits in BITS if max(brightest) < 2**bits)
