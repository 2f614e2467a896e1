"""The whole of `params.yaml`: all sections, and what must hold between them."""

from typing import Any, Self

from pydantic import model_validator

from diffchest.near_names import did_you_mean
from diffchest.params.audit import ConfoundersParams
from diffchest.params.base import PARAMS_FILE, StageParams, validate
from diffchest.params.baselines import BaselinesParams
from diffchest.params.classifiers import ClassifiersParams
from diffchest.params.cohorts import CohortsParams, SplitParams
from diffchest.params.counterfactuals import ExplainParams, check_steps
from diffchest.params.evaluation import DataEfficiencyParams, EvaluationParams
from diffchest.params.figures import FiguresParams
from diffchest.params.images import ImagesParams
from diffchest.params.interventions import InterventionsParams
from diffchest.params.network import DiffusionParams, ModelParams
from diffchest.params.phantom import PhantomParams, TwinsParams
from diffchest.params.pretraining import LatentsParams, PretrainEvaluationParams, PretrainParams
from diffchest.params.probe import ProbeParams
from diffchest.params.readers import ReaderStudyParams
from diffchest.params.reports import ReportsParams
from diffchest.params.runtime import RuntimeParams
from diffchest.params.small_cnn import SmallCnnParams


class Params(StageParams):
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
    small_cnn: SmallCnnParams
    baselines: BaselinesParams
    evaluation: EvaluationParams
    data_efficiency: DataEfficiencyParams
    twins: TwinsParams
    explain: ExplainParams
    interventions: InterventionsParams
    confounders: ConfoundersParams
    classifiers: ClassifiersParams
    reader_study: ReaderStudyParams
    figures: FiguresParams
    reports: ReportsParams
    runtime: RuntimeParams

    @classmethod
    def parse(cls, raw: Any, *, source: str = str(PARAMS_FILE), **stands_for: str) -> Self:
        """Check a parsed parameter file; `ParamsError` also for unknown sections and for what does not fit together."""
        return validate(cls, raw, source=source)

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        for check in (_datasets, _reference, _solver_steps, _image_size, _attention, _image_ids, _shift):
            check(self)
        return self


def _datasets(params: Params) -> None:
    known = params.cohorts.datasets
    evaluated, efficiency = params.evaluation.dataset, params.data_efficiency.dataset
    if evaluated not in known:
        raise ValueError(
            f"evaluation.dataset is {evaluated!r}, not one of cohorts.datasets; {did_you_mean(evaluated, known)}"
        )
    if efficiency is not None and efficiency not in known:
        raise ValueError(
            f"data_efficiency.dataset is {efficiency!r}, not one of cohorts.datasets; "
            f"{did_you_mean(efficiency, known)} (null leaves figure S2 out)"
        )


def _reference(params: Params) -> None:
    ready, reference = params.baselines.ready, params.evaluation.reference
    if reference is not None and reference not in ready:
        waiting = " (chexzero needs checkpoints)" if reference == "chexzero" else ""
        raise ValueError(f"evaluation.reference is {reference!r}, not one of the models {ready}{waiting}")


def _solver_steps(params: Params) -> None:
    timesteps = params.diffusion.timesteps
    for name, section in (("explain", params.explain), ("confounders", params.confounders)):
        for key in ("encode_steps", "decode_steps"):
            steps, solver = getattr(section, key), params.explain.solver
            check_steps(f"{name}.{key}", steps, solver=solver, timesteps=timesteps)


def _image_size(params: Params) -> None:
    reduction = params.model.space_to_depth * 2 ** (len(params.model.channel_multipliers) - 1)
    if params.images.size % reduction:
        raise ValueError(
            f"images.size is {params.images.size}, but model.space_to_depth and model.channel_multipliers "
            f"need a multiple of {reduction}"
        )
    smallest = 2 ** (len(params.model.encoder.channel_multipliers) - 1)
    if params.images.size // params.model.space_to_depth < smallest:
        raise ValueError(
            f"images.size is {params.images.size}, but model.space_to_depth and "
            f"model.encoder.channel_multipliers need at least {smallest * params.model.space_to_depth}"
        )


def _attention(params: Params) -> None:
    """Every side with attention is one of a feature map, and heads share the channels there evenly."""
    model, encoder = params.model, params.model.encoder
    size = params.images.size // model.space_to_depth
    for name, section in (("model", model), ("model.encoder", encoder)):
        sides = [size // 2**level for level in range(len(section.channel_multipliers))]
        none = [side for side in section.attention_resolutions if side not in sides]
        if none:
            raise ValueError(f"{name}.attention_resolutions: no feature map has side {none[0]}; they have {sides}")
        widths = {
            model.base_channels * multiplier
            for side, multiplier in zip(sides, section.channel_multipliers, strict=True)
            if side in section.attention_resolutions or side == sides[-1]
        }
        odd = sorted(width for width in widths if width % model.attention_heads)
        if odd:
            raise ValueError(
                f"model.attention_heads is {model.attention_heads}, but a feature map of {name} with attention has "
                f"{odd[0]} channels; take a divisor"
            )


def _image_ids(params: Params) -> None:
    """Radiographs are named as the manifest does; which there are, only the manifest knows."""
    for image_id in params.explain.image_ids:
        dataset, slash, rest = image_id.partition("/")
        if not slash or not rest or dataset not in params.cohorts.datasets:
            raise ValueError(
                f"explain.image_ids: {image_id!r} is no id of a radiograph; expected `cohort/id` with a cohort of "
                f"{params.cohorts.datasets}, as in data/images.parquet"
            )


def _shift(params: Params) -> None:
    if 2 * params.small_cnn.shift >= params.images.size:
        raise ValueError(f"small_cnn.shift is {params.small_cnn.shift}, expected less than half of images.size")
