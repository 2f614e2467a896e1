"""The image store: one LMDB file, keyed by image id, that every stage after `build_lmdb` reads its pixels from."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

from diffchest.errors import DataError
from diffchest.images.squares import decode_square

STORE_VERSION = 2
RECORD = b"\0store"  # sorts before every image id
# LMDB lets a process open a file only once, and a forked child must open it anew: (identity, environment) by real path.
_environments: dict[str, tuple[tuple[int, ...], lmdb.Environment]] = {}


class ImageStore:
    """Read-only view of a store; opened on first use, so that it travels to other processes by fork or pickle.

    Raises `DataError` when the file is missing, cut short, or of another version.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = os.path.abspath(path)
        record = self._record()
        self._size: int = record["size"]
        self._codec: str = record["codec"]
        self._images: int = record["images"]

    @property
    def size(self) -> int:
        """Side of the square images, px."""
        return self._size

    def __len__(self) -> int:
        return self._images

    def __contains__(self, image_id: str) -> bool:
        with _environment(self._path).begin(buffers=True) as transaction:
            return transaction.get(image_id.encode()) is not None

    def ids(self) -> list[str]:
        """Every image id, sorted; reads a page of every image, half a minute for 500,000 from a cold disk."""
        with _environment(self._path).begin() as transaction:
            return [key.decode() for key in transaction.cursor().iternext(values=False) if key != RECORD]

    def read(self, image_ids: Sequence[str]) -> np.ndarray:
        """The images as uint8 [N, size, size], in the order asked; `DataError` for an id that is not there."""
        images = np.empty((len(image_ids), self._size, self._size), dtype=np.uint8)
        with _environment(self._path).begin(buffers=True) as transaction:
            for row, image_id in enumerate(image_ids):
                data = transaction.get(image_id.encode())
                if data is None:
                    raise DataError(f"{self._path}: no image {image_id!r} among its {len(self)}; run `dvc repro`")
                images[row] = decode_square(data, self._codec, self._size)
        return images

    def _record(self) -> dict[str, Any]:
        with _environment(self._path).begin() as transaction:
            data = transaction.get(RECORD)
        record = json.loads(data) if data else {}
        if record.get("version") != STORE_VERSION:
            found = record.get("version", "none")
            raise DataError(
                f"{self._path}: expected store version {STORE_VERSION}, found {found}; run `dvc repro -f -s build_lmdb`"
            )
        return record


def _environment(path: str) -> lmdb.Environment:
    """The process's only environment for `path`; opened again after a fork or when the file was replaced."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no image store there; run `dvc repro build_lmdb`") from None
    identity = (os.getpid(), status.st_ino, status.st_size, status.st_mtime_ns)
    file = os.path.realpath(path)
    known, environment = _environments.get(file, (None, None))
    if environment is not None and known == identity:
        return environment
    if environment is not None:
        environment.close()
        del _environments[file]
    environment = open_store(path)
    _environments[file] = (identity, environment)
    return environment


def open_store(path: str | Path) -> lmdb.Environment:
    """Open the store at `path` for reading; `DataError` when it is damaged or cut short."""
    try:
        environment = lmdb.open(str(path), subdir=False, readonly=True, lock=False, readahead=False)
    except lmdb.Error as error:
        raise DataError(f"{path}: not an image store ({error}); run `dvc repro -f -s build_lmdb`") from None
    expected, found = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"], os.path.getsize(path)
    if found < expected:  # reading past the end would kill the process
        environment.close()
        raise DataError(
            f"{path}: cut short, expected {expected} bytes, found {found}; run `dvc repro -f -s build_lmdb`"
        )
    return environment
