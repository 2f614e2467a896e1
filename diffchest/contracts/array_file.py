"""What stages hand on as arrays: a dataclass whose fields are arrays and lists of names, kept in one `.npz` file."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from diffchest.errors import DataError
from diffchest.files.arrays import load_arrays, save_arrays


class ArrayFile:
    """Base of such a dataclass. `STAGE` writes the file; `VERSION` changes with what the fields are or mean."""

    STAGE: ClassVar[str]
    VERSION: ClassVar[int]

    def save(self, path: Path) -> None:
        """Write all fields; equal content gives equal bytes."""
        save_arrays(path, {"version": np.array(self.VERSION), **self.arrays()})

    @classmethod
    def save_all(cls, path: Path, items: Sequence[Self]) -> None:
        """Write several into one file."""
        numbered = {f"{number}/{name}": a for number, item in enumerate(items) for name, a in item.arrays().items()}
        save_arrays(path, {"version": np.array(cls.VERSION), **numbered})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file written by `save`; `DataError`, which says what to run, if it is missing, damaged or another."""
        return cls._from(cls._found(path), path)

    @classmethod
    def load_all(cls, path: Path) -> list[Self]:
        """Read a file written by `save_all`; errors as `load`."""
        found = cls._found(path)
        numbers = sorted({int(number) for number, _, name in (key.partition("/") for key in found) if name})
        return [cls._from(found, path, prefix=f"{number}/") for number in numbers]

    def arrays(self) -> dict[str, np.ndarray]:
        """All fields as arrays, by name."""
        return {name: np.array(getattr(self, name), dtype=str) if text else getattr(self, name)
                for name, text in self._fields().items()}  # fmt: skip

    @classmethod
    def _fields(cls) -> dict[str, bool]:
        """Whether each field is text: a list of names, not an array."""
        these: Any = cls
        return {field.name: field.type == list[str] for field in fields(these)}

    @classmethod
    def _found(cls, path: Path) -> dict[str, np.ndarray]:
        """The arrays of a file of this version."""
        found = load_arrays(path, stage=cls.STAGE)
        version = found.pop("version", None)
        if version is None or version != cls.VERSION:
            raise DataError(
                f"{path}: made by another version of the code (expected file version {cls.VERSION}, found {version}); "
                f"run `dvc repro -f -s {cls.STAGE}`"
            )
        return found

    @classmethod
    def _from(cls, found: dict[str, np.ndarray], path: Path, *, prefix: str = "") -> Self:
        values = {}
        for name, text in cls._fields().items():
            if prefix + name not in found:
                there = ", ".join(found) or "nothing"
                raise DataError(
                    f"{path}: no array {prefix + name!r} (found {there}); run `dvc repro -f -s {cls.STAGE}`"
                )
            values[name] = found[prefix + name].tolist() if text else found[prefix + name]
        return cls(**values)


def columns_of(names: Sequence[str], there: Sequence[str], *, stage: str) -> np.ndarray:
    """Positions [n] of findings among those whose logits `stage` kept; `DataError` for one that is not there."""
    position = {name: column for column, name in enumerate(there)}
    for name in names:
        if name not in position:
            raise DataError(
                f"{stage} kept no logit of {name!r} (of {len(there)} findings, such as {list(there[:3])}): it was run "
                f"with another head; run `dvc repro {stage}`"
            )
    return np.array([position[name] for name in names], dtype=np.int64)
