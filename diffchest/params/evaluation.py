"""`evaluation` and `data_efficiency`: the test set, the findings that enter a table, and the tests."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from diffchest.params.base import Fraction, PositiveFraction, PositiveInt, Section, Seed


class BootstrapParams(Section):
    """`evaluation.bootstrap`: confidence intervals."""

    unit: Literal["patient", "image"]
    resamples: Annotated[int, Field(ge=10)]
    confidence: Annotated[float, Field(gt=0.0, lt=1.0)]
    seed: Seed


class PermutationParams(Section):
    """`evaluation.permutation`: the paired test of two models."""

    resamples: Annotated[int, Field(ge=10)]
    scores: Literal["rank", "raw"]
    seed: Seed


class SubgroupsParams(Section):
    """`evaluation.subgroups`: whose AUC is looked at apart."""

    attributes: list[Literal["sex", "age", "view"]]
    age_bands: list[PositiveInt]
    positives_above: Annotated[int, Field(ge=1)]

    @field_validator("age_bands")
    @classmethod
    def _increasing(cls, bands: list[int]) -> list[int]:
        if sorted(set(bands)) != bands:
            raise ValueError(f"`age_bands` must increase, found {bands}")
        return bands


class EvaluationParams(Section):
    """`evaluation`: which test set, which findings, and the tests."""

    dataset: str
    reference: str | None
    min_scored: Fraction
    positives_above: Annotated[int, Field(ge=0)]
    bootstrap: BootstrapParams
    permutation: PermutationParams
    subgroups: SubgroupsParams


class DataEfficiencyParams(Section):
    """`data_efficiency`: heads on fractions of CheXpert (figure S2); `dataset: null` leaves it out."""

    dataset: str | None
    fractions: Annotated[list[PositiveFraction], Field(min_length=1)]
    findings: Annotated[list[str], Field(min_length=1)]
    seed: Seed
