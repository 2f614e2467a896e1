"""`pretrain`, `pretrain_evaluation` and `latents`: training the network, judging it, and encoding with it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from diffchest.params.base import Fraction, Part, PositiveFloat, PositiveInt, Role, Section, Seed, Words

Precision = Literal["fp32", "bf16", "fp16"]


class HeldOutParams(Part):
    """The keys of `pretrain` that say who is held out from it."""

    roles: Annotated[list[Role], Field(min_length=1)]
    validation_fraction: Annotated[float, Field(ge=0.0, lt=1.0)]
    seed: Seed


class PretrainParams(HeldOutParams, extra="forbid"):
    """`pretrain`: the training loop; progress is counted in images shown."""

    start_from: Words | None
    images_shown: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    warmup_images: Annotated[int, Field(ge=0)]
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)]
    grad_clip: PositiveFloat
    precision: Precision
    micro_batch: PositiveInt | None
    compile: bool
    activation_checkpointing: bool
    horizontal_flip: Fraction
    checkpoint_every: PositiveInt

    @model_validator(mode="after")
    def _does_not_start_from_what_it_writes(self) -> "PretrainParams":
        if self.start_from and Path(self.start_from).parts[-2:] == ("models", "diffchest.safetensors"):
            raise ValueError(
                f"start_from is {self.start_from!r}, which the stage itself writes and DVC deletes before that; "
                "copy the file to external/"
            )
        return self


class PretrainEvaluationParams(Section):
    """`pretrain_evaluation`: what the network knows of held-out radiographs."""

    images: Annotated[int, Field(ge=2)]
    bound_timesteps: PositiveInt
    levels: Annotated[int, Field(ge=2)]
    others: PositiveInt
    reencodings: Annotated[int, Field(ge=0)]
    batch_size: PositiveInt
    seed: Seed

    @model_validator(mode="after")
    def _others_are_among_the_images(self) -> "PretrainEvaluationParams":
        if self.others >= self.images:
            raise ValueError(f"`others` ({self.others}) must be fewer than `images` ({self.images})")
        return self


class LatentsParams(Section):
    """`latents`: encoding every image of the manifest."""

    batch_size: PositiveInt
