"""Building the image store: decode in a pool, write in order, carry on after an interruption.

The store grows in a working file and appears under its final name only when whole.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from diffchest.contracts.image_store import STORE_VERSION
from diffchest.errors import DataError
from diffchest.files.whole import whole
from diffchest.images.decoding import quiet_decoders
from diffchest.images.preparing import LOST, Prepared, StoreRow, prepare_all, prepare_image
from diffchest.images.sources import MEMBER
from diffchest.images.squares import RESIZE
from diffchest.images.working_file import (
    check_room,
    done_before,
    images_a_commit,
    new_record,
    room_to_write,
    sha256,
    write,
)
from diffchest.progress import notice, progress


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
    return sha256([STORE_VERSION, RESIZE, images_a_commit(size), size, codec, rows, stats])[:16]


def build_store(rows: Sequence[StoreRow], working: Path, *, size: int, codec: str, workers: int) -> list[Rejected]:
    """Store `rows` (sorted by image_id) in the file `working`, or the rest of them if it has some already.

    Returns the images that could not be read; one bad image never stops a build. Where an interrupted build could not
    read an image that can be read now (a disk had been away), the store is begun anew.
    """
    with room_to_write(working):
        working.parent.mkdir(parents=True, exist_ok=True)
    record = done_before(working)
    if record and _readable_now(rows, record, build=str(working)):
        notice(f"{working}: some images that could not be read can be read now; begun anew")
        record = None
    if record is None:
        working.unlink(missing_ok=True)
        record = new_record(rows, size, codec)
    todo = rows[record["done"] :]
    check_room(working, images=len(todo), size=size, codec=codec)
    with closing(prepare_all(todo, size=size, codec=codec, workers=workers, build=str(working))) as prepared:
        results = zip(todo, progress(prepared, total=len(todo), desc="images"), strict=True)
        write(working, record, results, rows=len(rows))
    return [Rejected(*entry) for entry in record["rejected"]]


def odd_squares(store: Path) -> dict[str, str]:
    """What is odd about squares of the store at `store`, by image id (see `images.inspection`)."""
    record = done_before(store) or {}
    return dict(record.get("odd", []))


def publish(working: Path, target: Path) -> None:
    """Make the finished store `working` appear as `target`, which is there whole or not at all."""
    with room_to_write(target):
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
    with room_to_write(folder):
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


def remove_stale(folder: Path, *, keep: Path) -> None:
    """Remove the unfinished builds of other images or settings below `folder`, and say so; `keep` stays.

    Nothing but their own settings would ever carry them on, and each is as large as a store.
    """
    for build in sorted(path for path in folder.iterdir() if path.is_dir() and path != keep):
        size = sum(file.stat().st_size for file in build.rglob("*") if file.is_file())
        shutil.rmtree(build)
        notice(f"{build}: an unfinished build of other images or settings ({size / 1e6:,.0f} MB), removed")


def _readable_now(rows: Sequence[StoreRow], record: dict[str, Any], *, build: str) -> bool:
    """Whether an image that `record` rejects can be decoded now; one whose decoder crashed is not tried."""
    rejected = {image_id for image_id, reason in record["rejected"] if reason != LOST}
    again = (row for row in rows if row.image_id in rejected)
    with quiet_decoders():
        results = (prepare_image(row, size=record["size"], codec=record["codec"], build=build) for row in again)
        return any(isinstance(result, Prepared) for result in results)


def _stat(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return (status.st_size, status.st_mtime_ns)
