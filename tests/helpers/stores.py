"""Image stores of a few small gray squares."""

import zipfile

import numpy as np

from diffchest.images.building import build_store, publish
from diffchest.images.preparing import StoreRow
from tests.helpers.cohort_roots import png

SIZE = 16


def pixels(number):
    """A ramp from left to right that tells the number: 1 to 16 gray levels added to it."""
    return np.tile(np.arange(number % 239, number % 239 + SIZE, dtype=np.uint8), (SIZE, 1))


def store_rows(root):
    """Forty images in a zip and a folder; the fourth is no image, the seventh is not there."""
    root.mkdir()
    names = [f"{number:03d}.png" for number in range(40)]
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        for number, name in enumerate(names):
            data = b"no image" if number == 3 else png(pixels(number))
            if number % 2:
                archive.writestr(name, data)
            elif number != 6:
                (root / name).write_bytes(data)
    sources = [f"a.zip::{name}" if number % 2 else name for number, name in enumerate(names)]
    return [StoreRow(f"d/{name}", str(root), source, 0, False) for name, source in zip(names, sources, strict=True)]


def build(rows, folder, codec="raw", workers=1):
    rejected = build_store(rows, folder / "w.lmdb", size=SIZE, codec=codec, workers=workers)
    publish(folder / "w.lmdb", folder / "images.lmdb")
    return rejected
