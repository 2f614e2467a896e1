"""`figures`: what is drawn."""

from typing import Annotated

from pydantic import Field

from diffchest.params.base import Section


class FiguresParams(Section):
    """`figures`: what is drawn."""

    names: Annotated[list[str], Field(min_length=1)]
    dpi: Annotated[int, Field(ge=50, le=600)]
