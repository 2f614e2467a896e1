"""What every section of `params.yaml` is made of, and reading the keys that a stage declares."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from diffchest.errors import DataError

PARAMS_FILE = Path("params.yaml")
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveFraction = Annotated[float, Field(gt=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0.0)]
Seed = Annotated[int, Field(ge=0)]
Words = Annotated[str, Field(pattern=r"\w")]
Role = Literal["pretrain", "finetune", "test"]


class ParamsError(DataError):
    """`params.yaml` cannot be used; the message names every offending key."""


class Section(BaseModel):
    """Base of all sections: strict types, no unknown keys, read-only."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _explain(problem: Any) -> str:
    """One line for one pydantic problem."""
    key = ".".join(str(part) for part in problem["loc"]) or "(whole file)"
    if problem["type"] == "extra_forbidden":
        return f"  {key}: unknown key (found {problem['input']!r}); check its spelling against params.yaml in git"
    if problem["type"] == "missing":
        return f"  {key}: missing; add it"
    if problem["type"] == "value_error":
        return f"  {key}: {problem['ctx']['error']}"
    return f"  {key}: {problem['msg']}, found {problem['input']!r}"
