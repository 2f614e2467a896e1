"""`figures`: what is drawn."""

from typing import Annotated, Literal

from pydantic import Field

from diffchest.params.base import Section

FigureNames = Literal["all"] | Annotated[list[str], Field(min_length=1)]


class FiguresParams(Section):
    """`figures`: what is drawn."""

    names: FigureNames
    dpi: Annotated[int, Field(ge=50, le=600)]
