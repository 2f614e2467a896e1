"""`explain`: counterfactual radiographs."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from diffchest.errors import DataError
from diffchest.params.base import Names, Part, PositiveFloat, PositiveInt, Seed

SolverName = Literal["ddim", "dpm_solver"]
Edit = Literal["alone", "typical", "plausible", "eq4", "eq5", "unit"]
Towards = Literal["presence", "absence"]


def check_steps(key: str, steps: int, *, solver: SolverName, timesteps: int) -> None:
    """Raise `DataError`, which says what fits, for a number of steps that `solver` cannot take of so many timesteps.

    DDIM goes from 0 by whole strides, see `diffusion.ddim.ddim_timesteps`.
    """
    if solver == "dpm_solver":
        if not 2 <= steps <= timesteps:
            raise DataError(f"{key} is {steps}; explain.solver dpm_solver takes 2 to {timesteps}, diffusion.timesteps")
        return
    possible = {math.ceil(timesteps / stride) for stride in range(1, timesteps + 1)}
    if steps not in possible:
        nearest = sorted(sorted(possible, key=lambda number: abs(number - steps))[:2])
        raise DataError(
            f"{key} is {steps}, but no whole stride divides diffusion.timesteps {timesteps} into that many DDIM steps; "
            f"take {' or '.join(map(str, nearest))}, or another explain.solver"
        )


Targets = Annotated[Names, Field(min_length=1)]


Kinds = dict[str, Names]


class MoveParams(Part):
    """The keys of `explain` that say how z is moved.

    to_probability: the head's probability of the finding after the move, in the direction that `towards` says; in the
    other direction (see `turned`) it is 1 - to_probability.
    """

    towards: Towards
    edit: Edit
    step: PositiveFloat
    to_probability: Annotated[float, Field(gt=0.0, lt=1.0)] | None

    def turned(self, towards: Towards) -> Self:
        """The same keys for this direction: where it is the other one, 0.9 towards presence is 0.1 towards absence."""
        if towards == self.towards:
            return self
        changed: dict[str, Any] = {"towards": towards}
        if self.to_probability is not None:
            changed["to_probability"] = round(1.0 - self.to_probability, 15)  # 0.1, and not 0.09999999999999998
        return self.model_copy(update=changed)


class PictureKindParams(Part):
    """The keys of `explain` that say what kind of picture a counterfactual is."""

    picture: Literal["difference", "decode"]
    local: Annotated[float, Field(gt=0.0, lt=1.0)] | None
    corrections: Annotated[int, Field(ge=0)]

    @property
    def changes_the_original(self) -> bool:
        """Whether a change is added to the radiograph itself; else its reconstruction is what is changed."""
        return self.picture == "difference" or self.local is not None


class PictureParams(PictureKindParams):
    """The keys of `explain` that say how a moved z becomes a picture."""

    noise_level: Annotated[float, Field(gt=0.0, lt=1.0)]
    noise_draws: PositiveInt
    solver: SolverName
    encode_steps: PositiveInt
    decode_steps: PositiveInt


class ExplainParams(MoveParams, PictureParams, extra="forbid"):
    """`explain`: counterfactual radiographs."""

    targets: Targets
    kinds: Kinds
    image_ids: Names
    patients: PositiveInt
    radiographs: Annotated[int, Field(ge=2)]
    both_ways: Annotated[int, Field(ge=0)]
    reconstructions: PositiveInt
    seed: Seed
