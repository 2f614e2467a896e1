"""Typed `params.yaml`: one pydantic model per section; unknown keys, wrong types and impossible values are errors.

`params.yaml` says what each knob means and in which unit; this module says which values are possible.
"""

import codecs
import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML, YAMLError

from diffchest.errors import DataError

PARAMS_FILE = Path("params.yaml")
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveFraction = Annotated[float, Field(gt=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0.0)]
Seed = Annotated[int, Field(ge=0)]
Words = Annotated[str, Field(pattern=r"\w")]
Role = Literal["pretrain", "finetune", "test"]
SolverName = Literal["ddim", "dpm_solver"]


class ParamsError(DataError):
    """`params.yaml` cannot be used; the message names every offending key."""


class Section(BaseModel):
    """Base of all sections: strict types, no unknown keys, read-only."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class CohortBase(Section):
    """What every cohort has, whatever its format."""

    root: str
    images: Literal["all", "present"] = "all"
    uncertain: Literal["zeros", "ones", "ignore"] = "zeros"


class PadchestCohort(CohortBase):
    """PadChest as distributed: the label table and the image zips (or the unpacked PNG files)."""

    format: Literal["padchest"]


class ChexpertCohort(CohortBase):
    """CheXpert as distributed, full or `-small`."""

    format: Literal["chexpert"]
    validation: Literal["leave_out", "pretrain"] = "leave_out"


class MimicCxrCohort(CohortBase):
    """MIMIC-CXR-JPG as distributed, or its tables with the DICOM files of MIMIC-CXR."""

    format: Literal["mimic_cxr"]


class NihCohort(CohortBase):
    """NIH ChestX-ray14 as distributed, the archives unpacked or as zip files."""

    format: Literal["nih"]
    use: Literal["pretrain", "probe", "official"] = "probe"


class TableCohort(CohortBase):
    """Any CSV or Parquet table with an image path, a patient id and labels."""

    format: Literal["table"]
    table: str
    image: str = "image"
    patient: str = "patient_id"
    study: str | None = None
    view: str | None = None
    sex: str | None = None
    age: str | None = None
    labels: list[str] = []
    findings: str | None = None
    separator: str = "|"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    zip: str | None = None
    indicators: dict[Words, dict[str, Annotated[list[str], Field(min_length=1)]]] = {}
    where: dict[str, list[str]] = {}
    use: Literal["pretrain", "probe"] = "probe"

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            codecs.lookup(name)
        except LookupError:
            raise ValueError(f"{name!r} is no text encoding that Python knows; try utf-8, latin-1 or cp1252") from None
        return name

    @field_validator("indicators")
    @classmethod
    def _one_column_each(cls, indicators: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
        for name, columns in indicators.items():
            if len(columns) != 1:
                raise ValueError(
                    f"{name!r} needs one column with its values, like `{{view: [AP]}}`; found the columns "
                    f"{list(columns)}"
                )
        return indicators

    @model_validator(mode="after")
    def _labels_somewhere(self) -> "TableCohort":
        if self.labels and self.findings:
            raise ValueError("give either `labels` (columns) or `findings` (one column with a separator), not both")
        if self.use == "probe" and not self.labels and not self.findings:
            raise ValueError("a cohort with `use: probe` needs `labels` or `findings`")
        if self.indicators and not self.labels and not self.findings:
            raise ValueError("`indicators` stand beside findings; give `labels` or `findings` too, or leave them out")
        return self


AnyCohort = PadchestCohort | ChexpertCohort | MimicCxrCohort | NihCohort | TableCohort
Cohort = Annotated[AnyCohort, Field(discriminator="format")]


class CohortsParams(BaseModel):
    """`cohorts`: which datasets take part; every further key is one cohort."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, Cohort]

    datasets: Annotated[list[str], Field(min_length=1)]
    max_rejected_fraction: Fraction

    @model_validator(mode="after")
    def _datasets_defined(self) -> "CohortsParams":
        missing = [name for name in self.datasets if name not in self.__pydantic_extra__]
        if missing:
            raise ValueError(f"`datasets` names {missing}, but there is no section `cohorts.{missing[0]}`")
        return self

    def __getitem__(self, name: str) -> AnyCohort:
        """Return the section of cohort `name`; `ParamsError` if there is none."""
        if name not in self.__pydantic_extra__:
            known = ", ".join(self.__pydantic_extra__)
            raise ParamsError(f"params.yaml: cohorts.{name} is not defined (defined: {known})")
        return self.__pydantic_extra__[name]


PhantomDataset = Literal["padchest", "chexpert", "mimic_cxr"]


class PhantomParams(Section):
    """`phantom`: the drawn radiographs of the embedded default."""

    datasets: list[PhantomDataset]
    size: Annotated[int, Field(ge=32, le=1024)]
    labelled_images: PositiveInt | None
    pretrain_images: dict[PhantomDataset, Annotated[int, Field(ge=0)]]
    chexpert_test_studies: PositiveInt
    confounding: Literal[0, "natural", "strong"]
    seed: Seed


class SplitParams(Section):
    """`split`: patients to fine-tuning and test."""

    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)]
    seed: Seed


class ImagesParams(Section):
    """`images`: the store every later stage reads."""

    size: Annotated[int, Field(ge=8, le=2048)]
    codec: Literal["raw", "png", "jpeg"]


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
    encoder: EncoderParams


class DiffusionParams(Section):
    """`diffusion`: the noise schedule and what the network predicts."""

    timesteps: Annotated[int, Field(ge=2)]
    beta_start: Annotated[float, Field(gt=0.0, lt=1.0)]
    beta_end: Annotated[float, Field(gt=0.0, lt=1.0)]
    prediction: Literal["epsilon", "v"]

    @model_validator(mode="after")
    def _increasing(self) -> "DiffusionParams":
        if self.beta_end < self.beta_start:
            raise ValueError("`beta_end` must not be below `beta_start`")
        return self


class PretrainParams(Section):
    """`pretrain`: the training loop; progress is counted in images shown."""

    roles: Annotated[list[Role], Field(min_length=1)]
    images_shown: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    warmup_images: Annotated[int, Field(ge=0)]
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)]
    grad_clip: PositiveFloat
    precision: Literal["fp32", "bf16", "fp16"]
    micro_batch: PositiveInt | None
    compile: bool
    horizontal_flip: Fraction
    validation_fraction: Annotated[float, Field(ge=0.0, lt=1.0)]
    checkpoint_every: PositiveInt
    seed: Seed


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


class ProbeParams(Section):
    """`probe`: the linear head."""

    fraction: PositiveFraction
    recipe: Literal["optimum", "authors"]
    l2: Annotated[float, Field(ge=0.0)] | Literal["cv"]
    l2_grid: Annotated[list[PositiveFloat], Field(min_length=1)]
    folds: Annotated[int, Field(ge=2)]
    seed: Seed


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


Baseline = PcaParams | ChexzeroParams | FileParams


class BaselinesParams(BaseModel):
    """`baselines`: every section is a model that ours is compared with."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, FileParams]

    chexzero: ChexzeroParams | None = None
    pca: PcaParams | None = None

    @model_validator(mode="after")
    def _models(self) -> "BaselinesParams":
        odd = [name for name in self.sections if not MODEL_NAME.fullmatch(name) or name == "diffchest"]
        if odd:
            raise ValueError(f"{odd[0]!r} cannot be a model's name; take letters, digits, - and _, and not diffchest")
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


class BootstrapParams(Section):
    """`evaluation.bootstrap`: confidence intervals."""

    unit: Literal["patient", "image"]
    resamples: Annotated[int, Field(ge=10)]
    confidence: Annotated[float, Field(gt=0.0, lt=1.0)]
    seed: Seed


class PermutationParams(Section):
    """`evaluation.permutation`: the paired test of two models."""

    resamples: Annotated[int, Field(ge=10)]
    scores: Literal["rank", "raw"]
    seed: Seed


class SubgroupsParams(Section):
    """`evaluation.subgroups`: whose AUC is looked at apart."""

    attributes: list[Literal["sex", "age", "view"]]
    age_bands: list[PositiveInt]
    positives_above: Annotated[int, Field(ge=1)]

    @field_validator("age_bands")
    @classmethod
    def _increasing(cls, bands: list[int]) -> list[int]:
        if sorted(set(bands)) != bands:
            raise ValueError(f"`age_bands` must increase, found {bands}")
        return bands


class EvaluationParams(Section):
    """`evaluation`: which test set, which findings, and the tests."""

    dataset: str
    reference: str | None
    min_scored: Fraction
    positives_above: Annotated[int, Field(ge=0)]
    bootstrap: BootstrapParams
    permutation: PermutationParams
    subgroups: SubgroupsParams


class DataEfficiencyParams(Section):
    """`data_efficiency`: heads on fractions of CheXpert (figure S2); `dataset: null` leaves it out."""

    dataset: str | None
    fractions: Annotated[list[PositiveFraction], Field(min_length=1)]
    findings: Annotated[list[str], Field(min_length=1)]
    seed: Seed


def _once(names: list[str]) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is there {names.count(name)} times; name it once")
    return names


Names = Annotated[list[str], AfterValidator(_once)]


class ExplainParams(Section):
    """`explain`: counterfactual radiographs."""

    targets: Annotated[Names, Field(min_length=1)]
    image_ids: Names
    patients: PositiveInt
    radiographs: Annotated[int, Field(ge=2)]
    towards: Literal["presence", "absence"]
    edit: Literal["plausible", "eq4", "eq5", "unit"]
    step: PositiveFloat
    to_probability: Annotated[float, Field(gt=0.0, lt=1.0)] | None
    solver: SolverName
    encode_steps: PositiveInt
    decode_steps: PositiveInt
    reconstructions: PositiveInt
    seed: Seed


class PlantedParams(Section):
    """`confounders.planted`: what makes B go with A in the labels, whatever the pictures say."""

    lift: PositiveFloat
    cooccurrence: Fraction


class FlaggedParams(Section):
    """`confounders.flagged`: what makes B appear with A in the pictures, whatever the labels say."""

    lift: PositiveFloat
    prevalence: Fraction


class ConfoundersParams(Section):
    """`confounders`: the audit."""

    images: Annotated[int, Field(ge=2)]
    edit: Literal["typical", "plausible", "eq4", "eq5", "unit"]
    step: PositiveFloat
    random_directions: Annotated[int, Field(ge=2)]
    encode_steps: PositiveInt
    decode_steps: PositiveInt
    false_discovery_rate: Annotated[float, Field(gt=0.0, lt=1.0)]
    planted: PlantedParams
    flagged: FlaggedParams
    seed: Seed


class SimulatedReadersParams(Section):
    """`reader_study.simulated`: stand-in readers when there are no ratings."""

    readers: Annotated[int, Field(ge=2)]
    sensitivity: Fraction
    specificity: Fraction


class ReaderStudyParams(Section):
    """`reader_study`: the ratings and how its radiographs are drawn."""

    ratings: str | None
    per_diagnosis: PositiveInt
    bootstrap_resamples: Annotated[int, Field(ge=10)]
    simulated: SimulatedReadersParams
    seed: Seed


class FiguresParams(Section):
    """`figures`: what is drawn."""

    names: Annotated[list[str], Field(min_length=1)]
    dpi: Annotated[int, Field(ge=50, le=600)]


class RuntimeParams(Section):
    """`runtime`: where things run; changes no result beyond rounding, and is no tracked parameter of any stage.

    `launch` is part of the commands of pretrain, extract_latents, explain and confounders: after a change they run
    again, and a finished pretraining is found.
    """

    launch: str
    device: str
    workers: PositiveInt
    threads: PositiveInt | None
    backend: Literal["loky", "dask", "ray"]
    scheduler: str | None

    @model_validator(mode="after")
    def _scheduler_of_a_cluster(self) -> "RuntimeParams":
        if self.scheduler and self.backend == "loky":
            raise ValueError("`scheduler` is a cluster's address; set `backend` to dask or ray, or `scheduler` to null")
        return self


class Params(Section):
    """The whole of `params.yaml`."""

    cohorts: CohortsParams
    phantom: PhantomParams
    split: SplitParams
    images: ImagesParams
    model: ModelParams
    diffusion: DiffusionParams
    pretrain: PretrainParams
    pretrain_evaluation: PretrainEvaluationParams
    latents: LatentsParams
    probe: ProbeParams
    baselines: BaselinesParams
    evaluation: EvaluationParams
    data_efficiency: DataEfficiencyParams
    explain: ExplainParams
    confounders: ConfoundersParams
    reader_study: ReaderStudyParams
    figures: FiguresParams
    runtime: RuntimeParams

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        if self.evaluation.dataset not in self.cohorts.datasets:
            raise ValueError(f"evaluation.dataset is {self.evaluation.dataset!r}, not in {self.cohorts.datasets}")
        ready, reference = self.baselines.ready, self.evaluation.reference
        if reference is not None and reference not in ready:
            waiting = " (chexzero needs checkpoints)" if reference == "chexzero" else ""
            raise ValueError(f"evaluation.reference is {reference!r}, not one of the models {ready}{waiting}")
        dataset = self.data_efficiency.dataset
        if dataset is not None and dataset not in self.cohorts.datasets:
            raise ValueError(f"data_efficiency.dataset is {dataset!r}, not in {self.cohorts.datasets}")
        timesteps = self.diffusion.timesteps
        for section, name in (
            ("explain", "encode_steps"),
            ("explain", "decode_steps"),
            ("confounders", "encode_steps"),
            ("confounders", "decode_steps"),
        ):
            steps = getattr(getattr(self, section), name)
            if self.explain.solver == "dpm_solver":
                if not 2 <= steps <= timesteps:
                    raise ValueError(
                        f"{section}.{name} is {steps}; explain.solver dpm_solver takes 2 to {timesteps} steps, "
                        "diffusion.timesteps"
                    )
                continue
            stride = math.ceil(timesteps / steps)
            if math.ceil(timesteps / stride) != steps:
                raise ValueError(
                    f"{section}.{name} is {steps}, but no whole stride divides diffusion.timesteps {timesteps} into "
                    "that many DDIM steps; take 5, 10, 20, 25, 50, 100, 125, 200, 250, 500 or 1000 of 1000, say"
                )
        reduction = self.model.space_to_depth * 2 ** (len(self.model.channel_multipliers) - 1)
        if self.images.size % reduction:
            raise ValueError(
                f"images.size is {self.images.size}, but model.space_to_depth and model.channel_multipliers "
                f"need a multiple of {reduction}"
            )
        return self

    @property
    def reference(self) -> str:
        """The model that ours is compared with first: `evaluation.reference`, or the first that can score."""
        return self.evaluation.reference or self.baselines.ready[0]

    def least_scored(self, model: str) -> float:
        """The smallest fraction of the test images that the scores of `model` must cover: all, but in users' files."""
        given = model != "diffchest" and isinstance(self.baselines[model], FileParams)
        return self.evaluation.min_scored if given else 1.0

    @property
    def on_phantoms(self) -> bool:
        """Whether the test radiographs are drawn, so that reports have to say so and planted truth is known."""
        return self.evaluation.dataset in self.phantom.datasets


def load_params(path: Path | str = PARAMS_FILE) -> Params:
    """Read and check a parameter file.

    Raises `ParamsError` with one line per problem: the dotted key, what was found and what was expected.
    """
    path = Path(path)
    try:
        raw = YAML(typ="safe").load(path)  # YAML 1.2, as DVC reads it: 1e-4 is a number
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; run from the repository root, or `git checkout {path}`") from None
    except YAMLError as error:
        raise ParamsError(f"{path}: not valid YAML: {error}") from None
    return parse_params(raw, source=str(path))


def parse_params(raw: Any, *, source: str = "params.yaml") -> Params:
    """Check a parsed parameter mapping; see `load_params`."""
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        lines = [_explain(problem) for problem in error.errors()]
        raise ParamsError(f"{source}: {len(lines)} problem(s)\n" + "\n".join(lines)) from None


def _explain(problem: Any) -> str:
    """One line for one pydantic problem."""
    key = ".".join(str(part) for part in problem["loc"]) or "(whole file)"
    if problem["type"] == "extra_forbidden":
        return f"  {key}: unknown key (found {problem['input']!r}); check its spelling against params.yaml in git"
    if problem["type"] == "missing":
        return f"  {key}: missing; add it"
    if problem["type"] == "value_error":
        return f"  {key}: {problem['ctx']['error']}"
    return f"  {key}: {problem['msg']}, found {problem['input']!r}"
