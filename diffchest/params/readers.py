"""`reader_study`: the ratings and the radiographs read."""

from typing import Annotated

from pydantic import Field

from diffchest.params.base import Fraction, PositiveInt, Section, Seed, Words


class SimulatedReadersParams(Section):
    """`reader_study.simulated`: stand-in readers when there are no ratings."""

    readers: Annotated[int, Field(ge=2)]
    sensitivity: Fraction
    specificity: Fraction


class ReaderStudyParams(Section):
    """`reader_study`: the ratings and how its radiographs are drawn."""

    ratings: Words | None
    per_diagnosis: PositiveInt
    bootstrap_resamples: Annotated[int, Field(ge=39)]  # of intervals at 0.95
    simulated: SimulatedReadersParams
    seed: Seed
