"""The file that a store grows in: one committed chunk at a time, with a record of what is done.

Its bytes depend on the images, size and codec alone: not on the number of workers, nor on interruptions. For this the
file is opened anew for every chunk: LMDB leaves remains of the pages that a process wrote before in the unused bytes of
the next ones, so that a chunk's bytes must not depend on whether one process or two wrote it and the chunk before.
"""

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import lmdb

from diffchest.contracts.image_store import RECORD, STORE_VERSION, open_store
from diffchest.errors import DataError
from diffchest.images.preparing import Prepared, StoreRow
from diffchest.images.squares import RESIZE
from diffchest.progress import notice

COMMIT = 2048  # images written in one transaction, whose boundaries show in the store's bytes
COMMIT_BYTES = 2**27  # fewer where their squares are together larger, since they are kept in memory
PAGE = 4096  # bytes of a page of LMDB
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # no room; the last is LMDB's word for a write cut short


def images_a_commit(size: int) -> int:
    """How many squares of side `size` px are written in one transaction."""
    return max(1, min(COMMIT, COMMIT_BYTES // size**2))


def done_before(working: Path) -> dict[str, Any] | None:
    """The record of an earlier, interrupted build, None where nothing was committed."""
    if not working.is_file() or not working.stat().st_size:
        return None
    try:
        with closing(open_store(working)) as store, store.begin() as reading:
            data = reading.get(RECORD)
    except DataError as error:
        notice(f"{error}; begun anew")
        return None
    return json.loads(data) if data else None


def new_record(rows: Sequence[StoreRow], size: int, codec: str) -> dict[str, Any]:
    """The record of a store of `rows` in which nothing is done."""
    content = [[row.image_id, row.source, row.bits_stored, row.inverted] for row in rows]
    return {
        "version": STORE_VERSION,
        "size": size,
        "codec": codec,
        "resize": RESIZE,
        "params_sha256": sha256([size, codec, RESIZE]),
        "rows_sha256": sha256(content),
        "images": 0,
        "done": 0,
        "rejected": [],
    }


def write(path: Path, record: dict[str, Any], results: Iterator[tuple[StoreRow, Prepared | str]], *, rows: int) -> None:
    """Commit `results` chunk by chunk to the store at `path`, for which `record` says what is done of `rows` images.

    What `results` raises is raised as it is; `DataError` for what cannot be written.
    """
    # generous room, of which only pages in use take space, that depends on nothing else
    map_size = 2 * rows * (record["size"] ** 2 + 8192) + 2**26
    while chunk := list(islice(results, images_a_commit(record["size"]))):
        with (
            room_to_write(path),
            closing(lmdb.open(str(path), subdir=False, map_size=map_size, lock=False)) as store,
        ):
            _commit(store, record, chunk)


def check_room(path: Path, *, images: int, size: int, codec: str) -> None:
    """Raise `DataError` before any work when `images` uncompressed images cannot fit on the disk of `path`."""
    needed = images * (math.ceil(size * size / PAGE) + 1) * PAGE if codec == "raw" else 0
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise DataError(
            f"{path.parent}: {needed / 1e9:.1f} GB needed for {images:,} images, found {free / 1e9:.1f} GB free; make "
            f"room, or set images.codec to png"
        )


@contextmanager
def room_to_write(path: Path) -> Iterator[None]:
    """Turn a failed write into a `DataError` that says why, and that nothing is lost."""
    try:
        yield
    except (lmdb.Error, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)  # LMDB puts the system's words into its own
        full = any(os.strerror(number) in reason for number in FULL)
        raise DataError(
            f"{path}: cannot be written ({reason}); {'is the disk full? Make room' if full else 'mend that'} and run "
            f"`dvc repro` again: it carries on with the images that are done"
        ) from None


def sha256(value: Any) -> str:
    """Hash of what JSON can hold."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _commit(
    environment: lmdb.Environment, record: dict[str, Any], chunk: Sequence[tuple[StoreRow, Prepared | str]]
) -> None:
    """Write one chunk and the record of what is done in one transaction: both are there after a crash, or neither."""
    images = [(row.image_id.encode(), result.data) for row, result in chunk if isinstance(result, Prepared)]
    record["images"] += len(images)
    odd = [[row.image_id, result.remark] for row, result in chunk if isinstance(result, Prepared) and result.remark]
    if odd:
        record.setdefault("odd", []).extend(odd)
    record["rejected"] += [[row.image_id, result] for row, result in chunk if isinstance(result, str)]
    record["done"] += len(chunk)
    _put_all(environment, images, json.dumps(record).encode())


def _put_all(environment: lmdb.Environment, entries: Sequence[tuple[bytes, bytes]], record: bytes) -> None:
    """Append `entries` (key, value) and replace the record in one transaction; a map that is full is made larger."""
    try:
        with environment.begin(write=True) as transaction:
            for key, value in entries:
                if not transaction.put(key, value, append=True):
                    raise ValueError(f"image id {key.decode()!r} is not above the one before; sort the rows")
            transaction.put(RECORD, record)
    except lmdb.MapFullError:
        environment.set_mapsize(2 * environment.info()["map_size"])
        _put_all(environment, entries, record)
