"""`images`: the store that every later stage reads."""

from typing import Annotated, Literal

from pydantic import Field

from diffchest.params.base import Section

EqualSquares = Literal["stop", "drop", "keep"]


class ImagesParams(Section):
    """`images`: the store every later stage reads."""

    size: Annotated[int, Field(ge=8, le=2048)]
    codec: Literal["raw", "png", "jpeg"]
    equal_squares: EqualSquares
