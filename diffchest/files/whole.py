"""Writing a file whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to; what lies there at the end of the block becomes `path`, in one step.

    Until then, and if the block raises or the process is killed, `path` is what it was: the old file, or none; after a
    power cut it is old or new, never half. One writer at a time. Folders are made. The path given has the name of
    `path`, because writers go by its suffix or put it into the file; it lies in `<path>.partial/`, of which only a
    killed process leaves anything.
    """
    folder = path.with_name(f"{path.name}.partial")
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / path.name
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
