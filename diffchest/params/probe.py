"""`probe`: the linear head."""

from typing import Annotated, Literal

from pydantic import Field

from diffchest.params.base import Part, PositiveFloat, PositiveFraction, Seed


class HeadFitParams(Part):
    """The keys of `probe` that say how a head is fitted to the patients that it is given."""

    recipe: Literal["optimum", "authors"]
    l2: Annotated[float, Field(ge=0.0)] | Literal["cv"]
    l2_grid: Annotated[list[PositiveFloat], Field(min_length=1)]
    folds: Annotated[int, Field(ge=2)]
    seed: Seed


class ProbeParams(HeadFitParams, extra="forbid"):
    """`probe`: the linear head."""

    fraction: PositiveFraction
