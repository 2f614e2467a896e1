"""`small_cnn`: a small classifier that is trained end to end, for the audit of one that is not ours."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, field_validator

from diffchest.params.base import PositiveFloat, PositiveFraction, PositiveInt, Section, Seed


class SmallCnnTrainingParams(Section):
    """The keys of `small_cnn` that say how a network is trained on the radiographs that it is given."""

    width: PositiveInt
    epochs: PositiveInt
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: PositiveFloat
    shift: Annotated[int, Field(ge=0)]
    seed: Seed


class SmallCnnParams(SmallCnnTrainingParams):
    """`small_cnn`: what it learns, from which part of the fine-tuning patients, and how."""

    findings: Literal["fitted"] | Annotated[list[str], Field(min_length=1)]
    fraction: PositiveFraction

    @field_validator("findings")
    @classmethod
    def _once(cls, findings: str | list[str]) -> str | list[str]:
        twice = [name for name, times in Counter(findings).items() if times > 1] if isinstance(findings, list) else []
        if twice:
            raise ValueError(f"{twice[0]!r} is there more than once; name it once")
        return findings
