"""Long work over images, a part at a time: dealt out to the processes, and kept on disk until all of it is done."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from diffchest.compute.processes import ALONE, Processes
from diffchest.files.whole import whole
from diffchest.progress import notice, progress

Arrays = dict[str, np.ndarray]


def in_parts(
    compute: Callable[[slice], Arrays],
    images: int,
    *,
    size: int,
    content: Any,
    runs: Path,
    desc: str,
    processes: Processes = ALONE,
) -> Arrays | None:
    """Compute arrays [images, ...], parts of `size` images dealt out to the processes.

    compute: gives the named arrays [n, ...] of the n images of a slice. The parts are the same for any number of
    processes, and so is the result. They are kept in `runs/<key>/`: an interrupted run goes on with those that are
    missing or damaged. `content` must hold all that determines the arrays (see `content_key`), so that another content
    never finds them; the caller deletes `runs` when the result is safe. Returns None in all processes but the first.
    """
    key = processes.share(content_key([images, size, content]))  # theirs may differ: rounding depends on the machine
    folder = runs / key
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, max(images, 1), size)  # no images: one empty part, which says what the arrays are
    files = {start: folder / f"{start:09d}.npz" for start in starts}
    missing = [start for start in starts[processes.rank :: processes.count] if not _usable(files[start])]
    for start in progress(missing, desc=desc, unit=f"x {size:,} images"):
        _save(files[start], compute(slice(start, min(start + size, images))))
    processes.wait()
    if not processes.first:
        return None
    parts = [_load(file) for file in files.values()]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def content_key(content: Any) -> str:
    """A hash of nested lists and dicts of JSON values and arrays; an array counts by type, shape and bytes."""
    return hashlib.sha256(json.dumps(content, default=_fingerprint).encode()).hexdigest()[:16]


def _fingerprint(array: np.ndarray) -> list[Any]:
    return [array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).hexdigest()]


def _save(path: Path, arrays: Arrays) -> None:
    with whole(path) as partial:
        np.savez(partial, **arrays)  # type: ignore[arg-type]


def _load(path: Path) -> Arrays:
    with np.load(path) as file:
        return dict(file)


def _usable(path: Path) -> bool:
    """Whether a part is there and whole; says so if it is damaged."""
    try:
        _load(path)
    except FileNotFoundError:
        return False
    except (BadZipFile, ValueError, EOFError) as error:
        notice(f"{path}: truncated or damaged ({error}); computed again")
        return False
    return True
