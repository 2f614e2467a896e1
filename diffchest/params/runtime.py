"""`runtime`: where things run; no stage tracks it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from diffchest.params.base import PositiveInt, Section, Words


class RuntimeParams(Section):
    """`runtime`: where things run; changes no result beyond rounding, and is no tracked parameter of any stage.

    `launch` is part of the commands of pretrain, extract_latents, draw_explanations and draw_audit: after a change they
    run again, and a finished pretraining and the parts of finished drawings are found.
    """

    launch: Words
    device: Annotated[str, Field(pattern=r"^[a-z]+(:\d+)?$")]
    workers: PositiveInt
    threads: PositiveInt | None
    precision: Literal["tf32", "fp32"]
    backend: Literal["loky", "dask"]
    scheduler: str | None

    @model_validator(mode="after")
    def _scheduler_of_a_cluster(self) -> "RuntimeParams":
        if self.scheduler and self.backend == "loky":
            raise ValueError("`scheduler` is a cluster's address; set `backend` to dask, or `scheduler` to null")
        return self
