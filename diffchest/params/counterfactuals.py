"""`explain`: counterfactual radiographs."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from diffchest.params.base import Part, PositiveFloat, PositiveInt, Seed

SolverName = Literal["ddim", "dpm_solver"]
Edit = Literal["alone", "typical", "plausible", "eq4", "eq5", "unit"]
Towards = Literal["presence", "absence"]


def _once(names: list[str]) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is there {names.count(name)} times; name it once")
    return names


Names = Annotated[list[str], AfterValidator(_once)]
Targets = Annotated[Names, Field(min_length=1)]


Kinds = dict[str, Names]


class MoveParams(Part):
    """The keys of `explain` that say how z is moved."""

    towards: Towards
    edit: Edit
    step: PositiveFloat
    to_probability: Annotated[float, Field(gt=0.0, lt=1.0)] | None


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
