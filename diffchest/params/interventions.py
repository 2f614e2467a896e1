"""`interventions`: findings put into test radiographs one at a time, and taken out, for the audit of classifiers."""

from typing import Annotated

from pydantic import Field

from diffchest.params.base import Section, Seed


class InterventionsParams(Section):
    """`interventions`: which radiographs are changed; the pictures are made as `explain` says."""

    radiographs: Annotated[int, Field(ge=4)]
    random_directions: Annotated[int, Field(ge=2)]
    seed: Seed
