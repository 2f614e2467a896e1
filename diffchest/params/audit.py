"""`confounders`: the confounder audit."""

from typing import Annotated, Literal

from pydantic import Field

from diffchest.params.base import Fraction, PositiveFloat, PositiveInt, Section, Seed


class PlantedParams(Section):
    """`confounders.planted`: what makes B go with A in the labels, whatever the pictures say."""

    lift: PositiveFloat
    cooccurrence: Fraction


class FlaggedParams(Section):
    """`confounders.flagged`: what makes B appear with A in the pictures, whatever the labels say."""

    lift: PositiveFloat
    prevalence: Fraction


class ConfoundersParams(Section):
    """`confounders`: the audit."""

    images: Annotated[int, Field(ge=2)]
    edit: Literal["typical", "plausible", "eq4", "eq5", "unit"]
    step: PositiveFloat
    random_directions: Annotated[int, Field(ge=2)]
    encode_steps: PositiveInt
    decode_steps: PositiveInt
    false_discovery_rate: Annotated[float, Field(gt=0.0, lt=1.0)]
    planted: PlantedParams
    flagged: FlaggedParams
    seed: Seed
