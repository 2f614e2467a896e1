"""`confounders`: the confounder audit."""

from typing import Annotated

from pydantic import Field

from diffchest.params.base import Fraction, Part, PositiveFloat, PositiveInt, Section, Seed
from diffchest.params.counterfactuals import Edit

FalseDiscoveryRate = Annotated[float, Field(gt=0.0, lt=1.0)]


class PlantedParams(Section):
    """`confounders.planted`: what makes B go with A in the labels, whatever the pictures say."""

    lift: PositiveFloat
    cooccurrence: Fraction


class FlaggedParams(Section):
    """`confounders.flagged`: what makes B a confounder of A: it appears with A, and A's score responds to B alone."""

    lift: PositiveFloat
    prevalence: Fraction
    response: PositiveFloat


class ModelErrorParams(Section):
    """`confounders.model_error`: by how much a response that labels tell is off besides chance: SD, and relative."""

    absolute: Annotated[float, Field(ge=0.0)]
    relative: Annotated[float, Field(ge=0.0)]


class AuditMoveParams(Part):
    """The keys of `confounders` that say how z is moved."""

    edit: Edit
    step: PositiveFloat


class AuditDrawingParams(AuditMoveParams):
    """The keys of `confounders` that say which pictures the audit draws."""

    images: Annotated[int, Field(ge=2)]
    random_directions: Annotated[int, Field(ge=2)]
    encode_steps: PositiveInt
    decode_steps: PositiveInt
    seed: Seed


class AuditRuleParams(Part):
    """The keys of `confounders` that say which pairs of findings are flagged."""

    false_discovery_rate: FalseDiscoveryRate
    model_error: ModelErrorParams
    planted: PlantedParams
    flagged: FlaggedParams


class ConfoundersParams(AuditDrawingParams, AuditRuleParams, extra="forbid"):
    """`confounders`: the audit."""
