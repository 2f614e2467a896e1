"""`probe`: the linear head."""

from typing import Annotated, Literal

from pydantic import Field

from diffchest.params.base import PositiveFloat, PositiveFraction, Section, Seed


class ProbeParams(Section):
    """`probe`: the linear head."""

    fraction: PositiveFraction
    recipe: Literal["optimum", "authors"]
    l2: Annotated[float, Field(ge=0.0)] | Literal["cv"]
    l2_grid: Annotated[list[PositiveFloat], Field(min_length=1)]
    folds: Annotated[int, Field(ge=2)]
    seed: Seed
