"""From a row of the manifest to the bytes that are stored: the squares of many radiographs, made by processes."""

import functools
import threading
from collections.abc import Generator, Sequence
from itertools import chain
from typing import NamedTuple

from diffchest.compute.workers import AHEAD, WorkerLostError, apart, spread
from diffchest.errors import DataError
from diffchest.images.decoding import decode, quiet_decoders
from diffchest.images.inspection import look
from diffchest.images.sources import SourceReader
from diffchest.images.squares import encode_square, to_square

BATCH = 128  # images one task of the pool prepares, fewer where they are large
BATCH_BYTES = 2**22  # of the squares of one task: what waits for a slow disk stays small
POOL_FROM = 500  # fewer images of usual size are prepared faster than a pool starts
LOST = "decoding it ended the process (out of memory, or a crash of the decoder)"


class StoreRow(NamedTuple):
    """One image to store: `source` lies below `root`; `bits_stored` 0: not known."""

    image_id: str
    root: str
    source: str
    bits_stored: int
    inverted: bool


class Prepared(NamedTuple):
    """An encoded square, and what is odd about it ("": nothing)."""

    data: bytes
    remark: str


def prepare_all(
    rows: Sequence[StoreRow], *, size: int, codec: str, workers: int, build: str
) -> Generator[Prepared | str]:
    """Encoded squares, or the reason why there is none or why it is no radiograph, in the order of `rows`."""
    prepare = functools.partial(_prepare_batch, size=size, codec=codec, build=build)
    processes = workers if len(rows) >= POOL_FROM else 1
    batch = max(1, min(BATCH, BATCH_BYTES // size**2))
    done = 0
    while done < len(rows):
        batches = (rows[start : start + batch] for start in range(done, len(rows), batch))
        try:
            for results in spread(prepare, batches, workers=processes):
                yield from results
                done += len(results)
        except WorkerLostError:
            # the image that killed it is in a batch that was under way: do those one by one
            suspects = [[row] for row in rows[done : done + AHEAD * processes * batch]]
            yield from chain.from_iterable(apart(prepare, suspects, lost=lambda _: [LOST]))
            done += len(suspects)


def _prepare_batch(rows: Sequence[StoreRow], *, size: int, codec: str, build: str) -> list[Prepared | str]:
    with quiet_decoders():
        return [prepare_image(row, size=size, codec=codec, build=build) for row in rows]


def prepare_image(row: StoreRow, *, size: int, codec: str, build: str) -> Prepared | str:
    """The encoded square of one image, or the reason why there is none; `build` names whose zip files stay open."""
    try:
        data = _reader(row.root, build, threading.get_ident()).read(row.source)
        pixels = decode(data, bits_stored=row.bits_stored or None, invert=row.inverted)
        square = to_square(pixels, size)
        seen = look(square)
        return seen.rejected or Prepared(encode_square(square, codec), seen.remark)
    except DataError as error:
        return str(error)


@functools.lru_cache(maxsize=64)
def _reader(root: str, build: str, thread: int) -> SourceReader:
    """One reader per root, build and thread in each worker, so that zip files stay open between batches."""
    return SourceReader(root)
