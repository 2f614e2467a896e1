"""`model` and `diffusion`: the network and the noise it removes."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from diffchest.params.base import PositiveInt, Section

Prediction = Literal["epsilon", "v"]


class EncoderParams(Section):
    """`model.encoder`: the semantic encoder."""

    channel_multipliers: Annotated[list[PositiveInt], Field(min_length=1)]
    residual_blocks: PositiveInt
    attention_resolutions: list[PositiveInt]
    block: Literal["single", "residual"]
    pool: Literal["average", "flatten"]


class ModelParams(Section):
    """`model`: the self-conditioned diffusion autoencoder."""

    channels: Literal[1, 3]
    space_to_depth: PositiveInt
    position_frequencies: Annotated[int, Field(ge=0, le=8)]
    base_channels: PositiveInt
    channel_multipliers: Annotated[list[PositiveInt], Field(min_length=1)]
    residual_blocks: PositiveInt
    attention_resolutions: list[PositiveInt]
    attention_heads: PositiveInt
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)]
    norm_groups: PositiveInt
    time_dim: PositiveInt
    latent_dim: PositiveInt
    latent_map_channels: Annotated[int, Field(ge=0)]
    encoder: EncoderParams

    @field_validator("base_channels")
    @classmethod
    def _even(cls, channels: int) -> int:
        if channels % 2:
            raise ValueError(f"found {channels}, expected an even number: a timestep is embedded as pairs of waves")
        return channels


class DiffusionParams(Section):
    """`diffusion`: the noise schedule and what the network predicts."""

    timesteps: Annotated[int, Field(ge=2)]
    beta_start: Annotated[float, Field(gt=0.0, lt=1.0)]
    beta_end: Annotated[float, Field(gt=0.0, lt=1.0)]
    prediction: Prediction

    @model_validator(mode="after")
    def _increasing(self) -> "DiffusionParams":
        if self.beta_end < self.beta_start:
            raise ValueError("`beta_end` must not be below `beta_start`")
        return self
