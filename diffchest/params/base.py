"""What every section of `params.yaml` is made of, and reading the keys that a stage declares."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from diffchest.errors import DataError
from diffchest.files.yaml import read_mapping
from diffchest.params.mistakes import mistakes

PARAMS_FILE = Path("params.yaml")
OURS = "diffchest"  # our own model, beside those that it is compared with
UNTRACKED = "runtime"  # the section that changes no result: no stage depends on it

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveFraction = Annotated[float, Field(gt=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0.0)]
Seed = Annotated[int, Field(ge=0)]
Words = Annotated[str, Field(pattern=r"\w")]
Role = Literal["pretrain", "finetune", "test"]
Uncertain = Literal["zeros", "ones", "ignore"]

Model = TypeVar("Model", bound=BaseModel)

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
MISSING_WORDS = {"na", "nan", "none", "null", "true", "false", "yes", "no", "on", "off"}  # to YAML, or in a table
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}


class ParamsError(DataError):
    """`params.yaml` cannot be used; the message names every offending key."""


def check_names(names: Iterable[str], *, what: str) -> None:
    """Raise `ValueError` for a name that a path, a shell, DVC or a table cannot bear, and for two that differ by case.

    what: what is named, such as "a cohort". The names become part of paths, commands and keys: `stages/ingest.py NAME`,
    `data/cohorts/NAME.parquet`, `dvc exp run -S cohorts.NAME.root=...`.
    """
    seen: dict[str, str] = {}
    for name in names:
        if not NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} cannot be {what}'s name; take letters a to z, digits, - and _, a letter first, at most 64"
            )
        folded = name.lower()
        if folded in MISSING_WORDS | DEVICES:
            meant = "a device of Windows" if folded in DEVICES else "a value in YAML or an empty cell in a table"
            raise ValueError(f"{name!r} cannot be {what}'s name: it is {meant}; take another")
        if folded in seen:
            raise ValueError(
                f"{seen[folded]!r} and {name!r} differ by case alone: one file on some disks; rename one of them"
            )
        seen[folded] = name


def once(names: list[str]) -> list[str]:
    """`names` themselves; `ValueError` for one that is there more than once."""
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is there {names.count(name)} times; name it once")
    return names


def enough_redraws(resamples: int, confidence: float, *, key: str) -> None:
    """Raise `ValueError` for so few redraws that the limits of an interval would be the extreme ones."""
    least = math.ceil(round(2 / (1 - confidence), 6)) - 1
    if resamples < least:
        raise ValueError(
            f"{key} is {resamples}: too few for intervals at {confidence:g}, whose limits would be the smallest and "
            f"the largest redraw; take {least} at least, 1000 for a result"
        )


Names = Annotated[list[Words], AfterValidator(once)]


class Section(BaseModel):
    """Base of all sections: strict types, no unknown keys, read-only."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Part(Section):
    """Some keys of a section; a stage that declares it depends on these keys alone."""

    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True)
class Key:
    """Where a field of `StageParams` lies in `params.yaml`, such as `evaluation.dataset`.

    `${item.dataset}` and `${key}` stand for what the stage is run for, as in `dvc.yaml`.
    """

    path: str


class StageParams(Section):
    """The keys of `params.yaml` that a stage reads: its fields, by name or by their `Key`.

    A stage gets these and no others (pyright refuses them), and `python -m diffchest.dependencies` makes it depend on
    them in `dvc.yaml`. Only the whole (`params.whole`) sees what must hold between sections.
    """

    @classmethod
    def keys(cls) -> dict[str, str]:
        """The key of every field, by the field's name."""
        return {
            name: next((part.path for part in field.metadata if isinstance(part, Key)), name)
            for name, field in cls.model_fields.items()
        }

    @classmethod
    def tracked(cls) -> list[str]:
        """The keys that the stage depends on, sorted; those of a `Part` one by one."""
        found: list[str] = []
        for name, key in cls.keys().items():
            kind = cls.model_fields[name].annotation
            if isinstance(kind, type) and issubclass(kind, Section) and kind.model_config.get("extra") == "ignore":
                found += [f"{key}.{part}" for part in kind.model_fields]
            elif key != UNTRACKED:
                found.append(key)
        return sorted(found)

    @classmethod
    def load(cls, path: Path = PARAMS_FILE, **stands_for: str) -> Self:
        """Read these keys of a parameter file and check them; see `parse` and `files.yaml.read_mapping`."""
        if not path.exists():
            raise ParamsError(f"{path}: no such file; run from the repository root, or `git checkout {path}`")
        return cls.parse(read_mapping(path), source=str(path), **stands_for)

    @classmethod
    def parse(cls, raw: Any, *, source: str = str(PARAMS_FILE), **stands_for: str) -> Self:
        """Check these keys of a parsed parameter file.

        `stands_for`: what `${...}` in a key is, without `item.`. Raises `ParamsError` with one line per problem: the
        dotted key, what was found and what was expected.
        """
        keys = cls.keys()
        for name, key in keys.items():
            for placeholder, value in stands_for.items():
                key = key.replace(f"${{item.{placeholder}}}", value).replace(f"${{{placeholder}}}", value)
            keys[name] = key
        found = {name: _find(raw, key) for name, key in keys.items()}
        present = {name: value for name, value in found.items() if value is not _ABSENT}
        return validate(cls, present, source=source, keys=keys)


_ABSENT = object()


def _find(raw: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(raw, Mapping) or part not in raw:
            return _ABSENT
        raw = raw[part]
    return raw


def validate(model: type[Model], raw: Any, *, source: str, keys: Mapping[str, str] | None = None) -> Model:
    """Check parsed parameters; `keys` says what the fields are called in `source`. Raises `ParamsError`."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        lines = mistakes(error, raw, keys or {}, known=_known(Section))
        raise ParamsError(f"{source}: {len(lines)} problem(s)\n" + "\n".join(lines)) from None


def _known(section: type[BaseModel]) -> set[str]:
    """The names of all keys that sections have."""
    return set(section.model_fields).union(*map(_known, section.__subclasses__()))
