"""`phantom`: the drawn radiographs of the embedded default."""

from typing import Annotated, Literal

from pydantic import Field

from diffchest.params.base import PositiveInt, Section, Seed

Confounding = Literal[0, "natural", "strong"]
PhantomDataset = Literal["padchest", "chexpert", "mimic_cxr"]


class PhantomParams(Section):
    """`phantom`: the drawn radiographs of the embedded default."""

    datasets: list[PhantomDataset]
    size: Annotated[int, Field(ge=32, le=1024)]
    labelled_images: PositiveInt | None
    pretrain_images: dict[PhantomDataset, Annotated[int, Field(ge=0)]]
    chexpert_test_studies: PositiveInt
    confounding: Confounding
    seed: Seed


class TwinsParams(Section):
    """`twins`: test phantoms drawn again with a finding more or less, to judge counterfactuals by."""

    placements: PositiveInt
    removed: PositiveInt
    witness_images: Annotated[int, Field(ge=10)]
