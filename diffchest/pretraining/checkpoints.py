"""Checkpoints of a long run: written whole, named by progress, refused when damaged or another run's."""

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import torch

KEPT = 2


class Checkpoints:
    """The checkpoints `<images shown>.pt` of the run `key` in `folder`; the last two are kept.

    `key` is a hash of all that determines the run: a checkpoint with another key is never loaded.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key = folder, key

    def save(self, images: int, state: dict[str, Any]) -> Path:
        """Write `state` as the checkpoint at `images`; it appears whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(images)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            torch.save({"key": self.key, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        for old in [other for other in self._newest_first() if other.name < path.name][KEPT - 1 :]:
            old.unlink()
        return path

    def load(self, images: int | None = None) -> dict[str, Any] | None:
        """Return the newest usable state (or that at `images`), on the CPU, or None.

        Each one refused is named on stderr with the reason.
        """
        for path in self._newest_first() if images is None else [self._path(images)]:
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
                if state["key"] == self.key:
                    return state
                reason = f"it belongs to run {state['key']}, not {self.key}"
            except (RuntimeError, OSError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
                reason = f"truncated or damaged ({type(error).__name__})"
            print(f"{path}: not used: {reason}; you may delete it", file=sys.stderr, flush=True)
        return None

    def _path(self, images: int) -> Path:
        return self.folder / f"{images:012d}.pt"

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("*.pt"), reverse=True)
