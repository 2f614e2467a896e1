"""From a row of the manifest to the bytes that are stored: the squares of many radiographs, made by processes."""

import functools
import threading
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from diffchest.compute.workers import AHEAD, WorkerLostError, apart, spread
from diffchest.errors import DataError
from diffchest.images.decoding import decode, quiet_decoders
from diffchest.images.sources import MEMBER, SourceReader, inside_root
from diffchest.images.squares import encode_square, to_square
from diffchest.images.zip_members import Place, places

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


Located = tuple[StoreRow, Place | None]


def prepare_all(rows: Sequence[StoreRow], *, size: int, codec: str, workers: int, build: str) -> Generator[bytes | str]:
    """Encoded squares, or the reason why there is none, in the order of `rows`."""
    prepare = functools.partial(_prepare_batch, size=size, codec=codec, build=build)
    processes = workers if len(rows) >= POOL_FROM else 1
    batch = max(1, min(BATCH, BATCH_BYTES // size**2))
    where = _places(rows) if processes > 1 else {}
    done = 0
    while done < len(rows):
        batches = (_located(rows[start : start + batch], where) for start in range(done, len(rows), batch))
        try:
            for results in spread(prepare, batches, workers=processes):
                yield from results
                done += len(results)
        except WorkerLostError:
            # the image that killed it is in a batch that was under way: do those one by one
            suspects = [_located([row], where) for row in rows[done : done + AHEAD * processes * batch]]
            yield from chain.from_iterable(apart(prepare, suspects, lost=lambda _: [LOST]))
            done += len(suspects)


def _prepare_batch(rows: Sequence[Located], *, size: int, codec: str, build: str) -> list[bytes | str]:
    with quiet_decoders():
        return [prepare_image(row, place, size=size, codec=codec, build=build) for row, place in rows]


def prepare_image(row: StoreRow, place: Place | None = None, *, size: int, codec: str, build: str) -> bytes | str:
    """The encoded square of one image, or the reason why there is none.

    place: where its zip file has it, if that is known; build: names whose zip files stay open.
    """
    try:
        data = _reader(row.root, build, threading.get_ident()).read(row.source, place)
        pixels = decode(data, bits_stored=row.bits_stored or None, invert=row.inverted)
        square = to_square(pixels, size)
        return encode_square(square, codec)
    except DataError as error:
        return str(error)


def _places(rows: Sequence[StoreRow]) -> dict[tuple[str, str], Place]:
    """Where the members of zip files lie, by root and source; each directory is read once."""
    members = defaultdict(list)
    for row in rows:
        archive, found, member = row.source.partition(MEMBER)
        if found and inside_root(archive):
            members[row.root, archive].append(member)
    return {
        (root, f"{archive}{MEMBER}{member}"): place
        for (root, archive), names in members.items()
        for member, place in places(Path(root, archive), names).items()
    }


def _located(rows: Sequence[StoreRow], where: Mapping[tuple[str, str], Place]) -> list[Located]:
    return [(row, where.get((row.root, row.source))) for row in rows]


@functools.lru_cache(maxsize=64)
def _reader(root: str, build: str, thread: int) -> SourceReader:
    """One reader per root, build and thread in each worker, so that zip files stay open between batches."""
    return SourceReader(root)
