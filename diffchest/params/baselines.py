"""`baselines`: the models that ours is compared with."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from diffchest.params.base import (
    OURS,
    Fraction,
    Key,
    ParamsError,
    PositiveInt,
    Section,
    Seed,
    StageParams,
    Words,
    check_names,
)


class PcaParams(Section):
    """`baselines.pca`: a linear probe on the principal components of the pixels."""

    components: PositiveInt
    seed: Seed


class ChexzeroParams(Section):
    """`baselines.chexzero`: zero-shot scores of CLIPs trained on radiographs and reports."""

    checkpoints: list[str]
    prompts: dict[str, Annotated[list[Words], Field(min_length=2, max_length=2)]]


class FileParams(Section):
    """`baselines.<any name>`: a file with another model's scores, or with another encoder's features."""

    scores: str | None = None
    features: str | None = None

    @model_validator(mode="after")
    def _one_file(self) -> "FileParams":
        if (self.scores is None) == (self.features is None):
            raise ValueError("give either `scores` or `features`, the path of a file")
        return self


def _kind(section: Any) -> str:
    """Which class a section is to be checked as, by the keys that are its alone."""
    named = section if isinstance(section, Mapping) else vars(section)
    return "pca" if "components" in named else "chexzero" if {"checkpoints", "prompts"} & set(named) else "file"


Baseline = Annotated[
    Annotated[PcaParams, Tag("pca")] | Annotated[ChexzeroParams, Tag("chexzero")] | Annotated[FileParams, Tag("file")],
    Discriminator(_kind),
]


class BaselinesParams(BaseModel):
    """`baselines`: every section is a model that ours is compared with."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, FileParams]

    chexzero: ChexzeroParams | None = None
    pca: PcaParams | None = None

    @model_validator(mode="after")
    def _models(self) -> "BaselinesParams":
        check_names(self.sections, what="a model")
        if OURS in map(str.lower, self.sections):
            raise ValueError(f"{OURS!r} cannot be a model's name: it is ours; take another")
        null = [name for name in ("chexzero", "pca") if name in self.model_fields_set and name not in self.sections]
        if null:
            raise ValueError(f"`{null[0]}` is null; delete the section to leave the model out")
        if not self.ready:
            raise ValueError("no model to compare with; keep the section `pca`, or give one a file")
        return self

    def __getitem__(self, name: str) -> Baseline:
        """Return the section of model `name`; `ParamsError` if there is none."""
        if name not in self.sections:
            raise ParamsError(f"params.yaml: baselines.{name} is not defined (defined: {', '.join(self.sections)})")
        return self.sections[name]

    @property
    def sections(self) -> dict[str, Baseline]:
        """All models by name, in the order in which they may become the reference."""
        named = {"chexzero": self.chexzero, "pca": self.pca}
        return {name: section for name, section in named.items() if section} | self.__pydantic_extra__

    @property
    def ready(self) -> list[str]:
        """The models that can score: all but CheXzero without checkpoints."""
        chexzero = self.chexzero
        return [name for name in self.sections if name != "chexzero" or (chexzero and chexzero.checkpoints)]


class ScoredModels(StageParams):
    """The models that have scores of the test radiographs."""

    baselines: BaselinesParams
    min_scored: Annotated[Fraction, Key("evaluation.min_scored")]

    @property
    def models(self) -> list[str]:
        """Ours, then those that it is compared with."""
        return [OURS, *self.baselines.ready]

    def fits_all(self, model: str) -> bool:
        """Whether `model` is our head on what all fine-tuning radiographs have, whatever `probe.fraction` is.

        Features in a file may lack some of them, and who made scores in a file, on what, nobody knows.
        """
        return model != OURS and isinstance(self.baselines[model], PcaParams)

    def least_scored(self, model: str) -> float:
        """The smallest fraction of the test images that the scores of `model` must cover: all, but in users' files."""
        given = model != OURS and isinstance(self.baselines[model], FileParams)
        return self.min_scored if given else 1.0


class ComparedModels(StageParams):
    """Which model ours is compared with first."""

    baselines: BaselinesParams
    first: Annotated[str | None, Key("evaluation.reference")]

    @property
    def reference(self) -> str:
        """`evaluation.reference`, or the first that can score."""
        return self.first or self.baselines.ready[0]
