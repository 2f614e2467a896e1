"""The whole of `params.yaml`: all sections, and what must hold between them."""

import math
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator
from ruamel.yaml import YAML, YAMLError

from diffchest.params.audit import ConfoundersParams
from diffchest.params.base import PARAMS_FILE, ParamsError, Section, _explain
from diffchest.params.baselines import BaselinesParams, FileParams
from diffchest.params.cohorts import CohortsParams, SplitParams
from diffchest.params.counterfactuals import ExplainParams
from diffchest.params.evaluation import DataEfficiencyParams, EvaluationParams
from diffchest.params.figures import FiguresParams
from diffchest.params.images import ImagesParams
from diffchest.params.network import DiffusionParams, ModelParams
from diffchest.params.phantom import PhantomParams
from diffchest.params.pretraining import LatentsParams, PretrainEvaluationParams, PretrainParams
from diffchest.params.probe import ProbeParams
from diffchest.params.readers import ReaderStudyParams
from diffchest.params.runtime import RuntimeParams


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
