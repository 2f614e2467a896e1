"""Long work over images, a part at a time: dealt out to the processes, and kept on disk."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from diffchest.compute.code import meaning
from diffchest.compute.processes import ALONE, Processes
from diffchest.files.arrays import DAMAGED
from diffchest.files.whole import whole
from diffchest.progress import notice, progress

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a stage's work, kept in `folder`, and the processes that compute them.

    An interrupted run goes on with those that are missing or damaged, and a finished one that runs again finds all of
    them, until `discard`, or `discard_others` after a run with another content.
    """

    folder: Path
    processes: Processes = ALONE
    used: set[str] = field(default_factory=set)  # keys of the works of this run

    def gather(
        self, compute: Callable[[slice], Arrays], images: int, *, size: int, content: Any, desc: str
    ) -> Arrays | None:
        """Compute arrays [images, ...], parts of `size` images dealt out to the processes.

        compute: gives the named arrays [n, ...] of the n images of a slice. The parts are the same for any number of
        processes, and so is the result. `content` must hold all that determines the arrays, code too (see
        `content_key`), so that another content never finds them. Returns None in all processes but the first.
        """
        processes = self.processes
        # the first one's: rounding depends on the machine, and their contents may differ
        key = processes.share(content_key([images, size, content]))
        self.used.add(key)
        starts = range(0, max(images, 1), size)  # no images: one empty part, which says what the arrays are
        files = {start: self.folder / key / f"{start:09d}.npz" for start in starts}
        missing = [start for start in starts[processes.rank :: processes.count] if not _usable(files[start])]
        for start in progress(missing, desc=desc, unit=f"x {size:,} images"):
            _save(files[start], compute(slice(start, min(start + size, images))))
        processes.wait()
        if not processes.first:
            return None
        parts = [_load(file) for file in files.values()]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def discard_others(self) -> None:
        """Delete what this run did not use, once its own result is safe; the first process does it."""
        if self.processes.first and self.folder.is_dir():
            for path in self.folder.iterdir():
                if path.is_dir() and path.name not in self.used:
                    shutil.rmtree(path)

    def discard(self) -> None:
        """Delete all parts, once the result is safe; the first process does it."""
        if self.processes.first:
            shutil.rmtree(self.folder, ignore_errors=True)


def content_key(content: Any) -> str:
    """A hash of nested lists and dicts of JSON values, arrays and code.

    An array counts by type, shape and bytes; a module, class or function by its `meaning`.
    """
    return hashlib.sha256(json.dumps(content, default=_fingerprint).encode()).hexdigest()[:16]


def _fingerprint(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.shape, hashlib.sha256(value.tobytes()).hexdigest()]
    return meaning(value)


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
    except DAMAGED as error:
        notice(f"{path}: truncated or damaged ({error}); computed again")
        return False
    return True
