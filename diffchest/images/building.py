"""Building the image store: decode in a pool, write in order, carry on after an interruption.

The store grows in a working file, one committed chunk at a time, and appears under its final name only when whole. Its
bytes depend on the images, size and codec alone: not on the number of workers, nor on interruptions. For this the file
is opened anew for every chunk: LMDB leaves remains of the pages that a process wrote before in the unused bytes of the
next ones, so that a chunk's bytes must not depend on whether one process or two wrote it and the chunk before.
"""

import errno
import fcntl
import functools
import hashlib
import json
import math
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import lmdb

from diffchest.compute.workers import WorkerLostError, apart, spread
from diffchest.contracts.image_store import RECORD, STORE_VERSION, open_store
from diffchest.errors import DataError
from diffchest.files.whole import whole
from diffchest.images.decoding import decode, quiet_decoders
from diffchest.images.sources import MEMBER, SourceReader
from diffchest.images.squares import RESIZE, encode_square, to_square
from diffchest.progress import notice, progress

BATCH = 128  # images one task of the pool prepares
COMMIT = 2048  # images written in one transaction, whose boundaries show in the store's bytes
POOL_FROM = 500  # fewer images of usual size are prepared faster than a pool starts
PAGE = 4096  # bytes of a page of LMDB
LOST = "decoding it ended the process (out of memory, or a crash of the decoder)"


class StoreRow(NamedTuple):
    """One image to store: `source` lies below `root`; `bits_stored` 0: not known."""

    image_id: str
    root: str
    source: str
    bits_stored: int
    inverted: bool


class Rejected(NamedTuple):
    """An image that could not be stored, and why."""

    image_id: str
    reason: str


def fingerprint(rows: Sequence[StoreRow], *, size: int, codec: str) -> str:
    """Name of the working folder: a hash of everything the store's bytes come from.

    Files and zip files count by name, size and time of modification, so that a build is not carried on with others.
    """
    files = sorted({os.path.join(row.root, row.source.partition(MEMBER)[0]) for row in rows})
    stats = [[path, *_stat(path)] for path in files]
    return _sha256([STORE_VERSION, RESIZE, COMMIT, size, codec, rows, stats])[:16]


def build_store(rows: Sequence[StoreRow], working: Path, *, size: int, codec: str, workers: int) -> list[Rejected]:
    """Store `rows` (sorted by image_id) in the file `working`, or the rest of them if it has some already.

    Returns the images that could not be read; one bad image never stops a build. Where an interrupted build could not
    read an image that can be read now (a disk had been away), the store is begun anew.
    """
    with _room_to_write(working):
        working.parent.mkdir(parents=True, exist_ok=True)
    record = _done_before(working)
    if record and _readable_now(rows, record, build=str(working)):
        notice(f"{working}: some images that could not be read can be read now; begun anew")
        record = None
    if record is None:
        working.unlink(missing_ok=True)
        record = _new_record(rows, size, codec)
    todo = rows[record["done"] :]
    _check_room(working, images=len(todo), size=size, codec=codec)
    prepared = _prepare_all(todo, size=size, codec=codec, workers=workers, build=str(working))
    _write(working, record, zip(todo, progress(prepared, total=len(todo), desc="images"), strict=True), rows=len(rows))
    return [Rejected(*entry) for entry in record["rejected"]]


def publish(working: Path, target: Path) -> None:
    """Make the finished store `working` appear as `target`, which is there whole or not at all."""
    with _room_to_write(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(working, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with whole(target) as copy:  # they lie on different disks
                shutil.copyfile(working, copy)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep `folder` for the builds of this process; `DataError` when another one has it."""
    with _room_to_write(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w", encoding="utf-8")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"{folder}: another process builds the store; wait for it, or end it") from None
        except OSError:
            pass  # a file system without locks
        yield


def _write(path: Path, record: dict[str, Any], results: Iterator[tuple[StoreRow, bytes | str]], *, rows: int) -> None:
    """Commit `results` chunk by chunk to the store at `path`, for which `record` says what is done."""
    # generous room, of which only pages in use take space, that depends on nothing else
    map_size = 2 * rows * (record["size"] ** 2 + 8192) + 2**26
    with _room_to_write(path):
        while chunk := list(islice(results, COMMIT)):
            with closing(lmdb.open(str(path), subdir=False, map_size=map_size, lock=False)) as store:
                _commit(store, record, chunk)


def _done_before(working: Path) -> dict[str, Any] | None:
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


def _readable_now(rows: Sequence[StoreRow], record: dict[str, Any], *, build: str) -> bool:
    """Whether an image that `record` rejects can be decoded now; one whose decoder crashed is not tried."""
    rejected = {image_id for image_id, reason in record["rejected"] if reason != LOST}
    again = functools.partial(_prepare, size=record["size"], codec=record["codec"], build=build)
    with quiet_decoders():
        return any(isinstance(again(row), bytes) for row in rows if row.image_id in rejected)


def _new_record(rows: Sequence[StoreRow], size: int, codec: str) -> dict[str, Any]:
    content = [[row.image_id, row.source, row.bits_stored, row.inverted] for row in rows]
    return {
        "version": STORE_VERSION,
        "size": size,
        "codec": codec,
        "resize": RESIZE,
        "params_sha256": _sha256([size, codec, RESIZE]),
        "rows_sha256": _sha256(content),
        "images": 0,
        "done": 0,
        "rejected": [],
    }


def _commit(
    environment: lmdb.Environment, record: dict[str, Any], chunk: Sequence[tuple[StoreRow, bytes | str]]
) -> None:
    """Write one chunk and the record of what is done in one transaction: both are there after a crash, or neither."""
    images = [(row.image_id.encode(), result) for row, result in chunk if isinstance(result, bytes)]
    record["images"] += len(images)
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


def _check_room(path: Path, *, images: int, size: int, codec: str) -> None:
    """Raise `DataError` before any work when `images` uncompressed images cannot fit on the disk of `path`."""
    needed = images * (math.ceil(size * size / PAGE) + 1) * PAGE if codec == "raw" else 0
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise DataError(
            f"{path.parent}: {needed / 1e9:.1f} GB needed for {images:,} images, found {free / 1e9:.1f} GB free; make "
            f"room, or set images.codec to png"
        )


@contextmanager
def _room_to_write(path: Path) -> Iterator[None]:
    """Turn a failed write into a `DataError` that says that nothing is lost."""
    try:
        yield
    except (lmdb.Error, OSError) as error:
        raise DataError(
            f"{path}: cannot be written ({error}); is the disk full? Make room and run `dvc repro` again: "
            f"it carries on with the images that are done"
        ) from None


def _prepare_all(rows: Sequence[StoreRow], *, size: int, codec: str, workers: int, build: str) -> Iterator[bytes | str]:
    """Encoded squares, or the reason why there is none, in the order of `rows`."""
    prepare = functools.partial(_prepare_batch, size=size, codec=codec, build=build)
    processes = workers if len(rows) >= POOL_FROM else 1
    done = 0
    while done < len(rows):
        batches = (rows[start : start + BATCH] for start in range(done, len(rows), BATCH))
        try:
            for results in spread(prepare, batches, workers=processes):
                yield from results
                done += len(results)
        except WorkerLostError:
            # the image that killed it is in a batch that was under way: do those one by one
            suspects = [[row] for row in rows[done : done + 3 * processes * BATCH]]
            yield from chain.from_iterable(apart(prepare, suspects, lost=lambda _: [LOST]))
            done += len(suspects)


def _prepare_batch(rows: Sequence[StoreRow], *, size: int, codec: str, build: str) -> list[bytes | str]:
    with quiet_decoders():
        return [_prepare(row, size=size, codec=codec, build=build) for row in rows]


def _prepare(row: StoreRow, *, size: int, codec: str, build: str) -> bytes | str:
    try:
        data = _reader(row.root, build, threading.get_ident()).read(row.source)
        pixels = decode(data, bits_stored=row.bits_stored or None, invert=row.inverted)
        return encode_square(to_square(pixels, size), codec)
    except DataError as error:
        return str(error)


@functools.lru_cache(maxsize=64)
def _reader(root: str, build: str, thread: int) -> SourceReader:
    """One reader per root, build and thread in each worker, so that zip files stay open between batches."""
    return SourceReader(root)


def _stat(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return (status.st_size, status.st_mtime_ns)


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
