"""`evaluation` and `data_efficiency`: the test set, the findings that enter a table, and the tests."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from diffchest.params.base import (
    Fraction,
    Key,
    Names,
    PositiveFraction,
    PositiveInt,
    Section,
    Seed,
    StageParams,
    enough_redraws,
    once,
)


class BootstrapParams(Section):
    """`evaluation.bootstrap`: confidence intervals."""

    unit: Literal["patient", "image"]
    resamples: Annotated[int, Field(ge=10)]
    confidence: Annotated[float, Field(gt=0.0, lt=1.0)]
    interval: Literal["score", "percentile"]
    seed: Seed

    @model_validator(mode="after")
    def _enough(self) -> "BootstrapParams":
        enough_redraws(self.resamples, self.confidence, key="`resamples`")
        return self

    def redraws(self, patients: Any) -> dict[str, Any]:
        """The keyword arguments that `diffchest.stats.bootstrap_auc` and `bootstrap_ratio` share.

        patients: the patient of each row, redrawn as a whole unless `unit` is image.
        """
        return {
            "groups": self.groups(patients),
            "resamples": self.resamples,
            "confidence": self.confidence,
            "seed": self.seed,
        }

    def groups(self, patients: Any) -> Any:
        """What counts as one: the patients, or None, each row, where `unit` is image."""
        return patients if self.unit == "patient" else None


class PermutationParams(Section):
    """`evaluation.permutation`: the paired test of two models."""

    resamples: Annotated[int, Field(ge=10)]
    scores: Literal["rank", "raw"]
    seed: Seed


class SubgroupsParams(Section):
    """`evaluation.subgroups`: whose AUC is looked at apart."""

    attributes: Annotated[list[Literal["sex", "age", "view"]], AfterValidator(once)]
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
    redraws: PositiveInt
    findings: Annotated[Names, Field(min_length=1)]
    positives_above: Annotated[int, Field(ge=0)]
    seed: Seed

    @field_validator("fractions")
    @classmethod
    def _different(cls, fractions: list[float]) -> list[float]:
        if len(set(fractions)) < len(fractions):
            raise ValueError(f"found {fractions}, expected each fraction once")
        return fractions


class EvaluatedDataset(StageParams):
    """Whose test set is looked at."""

    dataset: Annotated[str, Key("evaluation.dataset")]
    phantoms: Annotated[list[str], Key("phantom.datasets")]

    @property
    def on_phantoms(self) -> bool:
        """Whether the test radiographs are drawn, so that reports have to say so and planted truth is known."""
        return self.dataset in self.phantoms


class EvaluatedFindings(StageParams):
    """Which findings of which test set enter a table."""

    dataset: Annotated[str, Key("evaluation.dataset")]
    positives_above: Annotated[int, Key("evaluation.positives_above"), Field(ge=0)]
