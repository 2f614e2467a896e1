"""One pass over the squares of a store: what they look like, and which of them are equal."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import lmdb
import numpy as np

from diffchest.contracts.decoded import BIN
from diffchest.contracts.image_store import RECORD, open_store
from diffchest.images.squares import decode_square
from diffchest.progress import progress

CHUNK_BYTES = 2**26  # read before the file is closed: the pages of an open one count as this process's memory


@dataclass(frozen=True)
class Survey:
    """Of each of `image_ids`: a digest of its pixels, the mean gray, how many gray levels occur, and their histogram.

    mean: [N], 0 to 255; levels: [N], 1 to 256; shares: [N, 256 / BIN], the share of the pixels in each bin.
    """

    image_ids: list[str]
    digests: list[bytes]
    mean: np.ndarray
    levels: np.ndarray
    shares: np.ndarray


def survey(store: Path, image_ids: Sequence[str]) -> Survey:
    """Look at the squares of `image_ids` in the file `store`, which all are there."""
    digests: list[bytes] = []
    mean = np.empty(len(image_ids), dtype=np.float32)
    levels = np.empty(len(image_ids), dtype=np.int16)
    shares = np.empty((len(image_ids), 256 // BIN), dtype=np.float32)
    grays = np.arange(256)
    for number, square in enumerate(progress(_squares(store, image_ids), total=len(image_ids), desc="look")):
        counts = np.bincount(square.ravel(), minlength=256)
        digests.append(hashlib.blake2b(square.tobytes(), digest_size=16).digest())
        mean[number] = counts @ grays / square.size
        levels[number] = np.count_nonzero(counts)
        shares[number] = counts.reshape(-1, BIN).sum(axis=1) / square.size
    return Survey(list(image_ids), digests, mean, levels, shares)


def _squares(store: Path, image_ids: Sequence[str]) -> Iterator[np.ndarray]:
    """The square of each image; `KeyError` for one that is not there."""
    start = 0
    while start < len(image_ids):
        with closing(open_store(store)) as opened, opened.begin() as reading:
            record = json.loads(_value(reading, RECORD))
            size, codec = record["size"], record["codec"]
            chunk = image_ids[start : start + max(1, CHUNK_BYTES // size**2)]
            for image_id in chunk:
                yield decode_square(_value(reading, image_id.encode()), codec, size)
        start += len(chunk)


def _value(reading: lmdb.Transaction, key: bytes) -> bytes:
    value = reading.get(key)
    if value is None:
        raise KeyError(key)
    return bytes(value)
