"""`small_cnn`: a small classifier that is trained end to end, for the audit of one that is not ours."""

from typing import Annotated, Literal

from pydantic import Field

from diffchest.params.base import Names, PositiveFloat, PositiveFraction, PositiveInt, Section, Seed


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

    findings: Literal["fitted"] | Annotated[Names, Field(min_length=1)]
    fraction: PositiveFraction
