"""Checkpoints of a long run: written whole, named by progress, refused when damaged or another run's."""

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from diffchest.files.whole import whole
from diffchest.progress import notice

KEPT = 2


class Checkpoints:
    """The checkpoints `<images shown>.pt` of the run `key` in `folder`; of those up to the newest, the last two stay.

    `key` is a hash of all that determines the weights: a checkpoint with another key is never loaded.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key = folder, key

    def save(self, images: int, state: dict[str, Any]) -> Path:
        """Write `state` as the checkpoint at `images`; it appears whole or not at all.

        Checkpoints beyond it stay: they are those of a longer run.
        """
        path = self._path(images)
        with whole(path) as partial:
            torch.save({"key": self.key, **state}, partial)
        for old in self._newest_first(images)[KEPT:]:
            old.unlink()
        return path

    def newest(self, at_most: int) -> dict[str, Any] | None:
        """Return the newest usable state of at most so many images, on the CPU, or None.

        Each one refused is named on stderr with the reason.
        """
        return self._first_usable(self._newest_first(at_most))

    def load(self, images: int) -> dict[str, Any] | None:
        """Return the state at `images`, as `newest` does."""
        return self._first_usable([self._path(images)])

    def _first_usable(self, paths: Iterable[Path]) -> dict[str, Any] | None:
        for path in paths:
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
                if state["key"] == self.key:
                    return state
                reason = f"it belongs to run {state['key']}, not {self.key}"
            except (RuntimeError, OSError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError):
                reason = "truncated or damaged"
            notice(f"{path}: not used: {reason}; you may delete it")
        return None

    def _path(self, images: int) -> Path:
        return self.folder / f"{images:012d}.pt"

    def _newest_first(self, at_most: int) -> list[Path]:
        last = self._path(at_most).name
        return sorted((path for path in self.folder.glob("*.pt") if path.name <= last), reverse=True)
