"""Scoring the test radiographs with each kind of comparison model; what a kind needs is imported by it alone."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.baselines.prompts import prompts_of
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.manifest import read_manifest
from diffchest.contracts.scores import match_images, read_scores
from diffchest.errors import DataError
from diffchest.params.base import Fraction, Key, Role, StageParams
from diffchest.params.baselines import Baseline, ChexzeroParams, FileParams, PcaParams
from diffchest.params.probe import HeadFitParams
from diffchest.params.runtime import RuntimeParams
from diffchest.progress import notice

WEIGHTS = (
    "chexzero: no checkpoints, so it is left out of the comparison. To compare with it, "
    "download the checkpoints in a browser (https://github.com/rajpurkarlab/CheXzero, section `Model Checkpoints`), "
    "put them into external/chexzero/, and run: dvc exp run -S 'baselines.chexzero.checkpoints=[external/chexzero]'"
)


class BaselineParams(StageParams):
    """What stage `baseline` reads of params.yaml for one model."""

    section: Annotated[Baseline, Key("baselines.${key}")]
    dataset: Annotated[str, Key("evaluation.dataset")]
    min_scored: Annotated[Fraction, Key("evaluation.min_scored")]
    seen: Annotated[list[Role], Key("pretrain.roles")]
    head: Annotated[HeadFitParams, Key("probe")]
    runtime: RuntimeParams


@dataclass(frozen=True)
class Task:
    """What every model is given: the parameters, the evaluated dataset and the ids of its images by role."""

    params: BaselineParams
    dataset: Dataset
    finetune: list[str]
    test: list[str]

    @classmethod
    def read(cls, params: BaselineParams) -> "Task":
        """From the stored manifest."""
        dataset = Dataset.read(params.dataset)
        return cls(params, dataset, dataset.image_ids("finetune"), dataset.image_ids("test"))

    def labels(self, image_ids: list[str]) -> pd.DataFrame:
        """Labels of images, one column per finding."""
        return self.dataset.labels_of(image_ids)


@dataclass(frozen=True)
class Scored:
    """Scores [N, findings] of `image_ids`, how each finding came to its own (a row each), and a line on the model."""

    image_ids: list[str]
    scores: pd.DataFrame
    table: pd.DataFrame
    about: str


def score(task: Task) -> Scored:
    """Scores of the model that the section describes; `DataError` for files that do not fit."""
    section = task.params.section
    if isinstance(section, PcaParams):
        return _pca(task, section)
    if isinstance(section, ChexzeroParams):
        return _chexzero(task, section)
    return _features(task, section) if section.features is not None else _score_file(task, section)


def _pca(task: Task, section: PcaParams) -> Scored:
    """Our head on the principal components of the pixels."""
    from diffchest.baselines.pca import FIT_ROWS, StoredImages, pca_features

    store = ImageStore(paths.IMAGES)
    manifest = read_manifest(paths.STORED_MANIFEST)
    seen = manifest.loc[manifest["role"].isin(task.params.seen), "image_id"].to_numpy()
    chosen = np.random.default_rng(section.seed).permutation(len(seen))[:FIT_ROWS]
    fit, *heads = (StoredImages(store, ids) for ids in (seen[np.sort(chosen)].tolist(), task.finetune, task.test))
    finetune, test = pca_features(fit, *heads, params=section)
    return _probed(task, task.finetune, finetune, task.test, test, about=f"{finetune.shape[1]} components")


def _features(task: Task, section: FileParams) -> Scored:
    """Our head on the features in a file."""
    from diffchest.baselines.features import read_features

    path = Path(str(section.features))
    found = read_features(path)
    least = task.params.min_scored
    matched = {}
    for role, image_ids in (("fine-tuning", task.finetune), ("test", task.test)):
        matched[role], missing, _ = match_images(found.index, image_ids, source=path, least=least)
        if len(missing):
            notice(f"{path}: no features for {len(missing)} of {len(image_ids)} {role} images; left out")
    finetune, test = (found.loc[image_ids].to_numpy() for image_ids in matched.values())
    return _probed(task, matched["fine-tuning"], finetune, matched["test"], test, about=f"{found.shape[1]} features")


def _probed(
    task: Task, finetune_ids: list[str], finetune: np.ndarray, test_ids: list[str], test: np.ndarray, *, about: str
) -> Scored:
    """Fit our head on all fine-tuning patients: a reference that moved with `probe.fraction` would be none."""
    from diffchest.probe.fit import fit_head, head_table

    labels = task.labels(finetune_ids)
    findings = list(labels.columns)
    patients = task.dataset.patients(finetune_ids)
    head, penalty = fit_head(finetune, labels.to_numpy(), patients, params=task.params.head, findings=findings)
    scores = pd.DataFrame(head.probabilities(test), columns=findings)
    return Scored(test_ids, scores, head_table(head, labels, penalty), about)


def _chexzero(task: Task, section: ChexzeroParams) -> Scored:
    """Zero-shot scores, or what to do to get them, and the prompts either way."""
    findings = task.labels([]).columns.tolist()
    prompts = prompts_of(findings, section.prompts)
    if not section.checkpoints:
        notice(WEIGHTS)
        return Scored(task.test, pd.DataFrame(index=range(len(task.test))), prompts, "waits for its checkpoints")
    if find_spec("transformers") is None:
        raise DataError(
            "baselines.chexzero needs a package that is not installed; run `pip install -e '.[chexzero]'` in the "
            "repository, or empty its checkpoints"
        )

    from diffchest.baselines.chexzero import checkpoint_files, zero_shot_scores
    from diffchest.baselines.clip_tokens import clip_tokenizer
    from diffchest.compute.device import set_up

    files = checkpoint_files(section.checkpoints)
    probabilities = zero_shot_scores(
        files,
        ImageStore(paths.IMAGES),
        task.test,
        prompts,
        tokenizer=clip_tokenizer(),
        device=set_up(task.params.runtime),
    )
    scores = pd.DataFrame(probabilities, columns=prompts["finding"].tolist())
    return Scored(task.test, scores, prompts, f"{len(files)} checkpoints")


def _score_file(task: Task, section: FileParams) -> Scored:
    """Another model's scores as they are."""
    path = Path(str(section.scores))
    findings = task.labels([]).columns
    least = task.params.min_scored
    scores = read_scores(path, task.test, min_scored=least, findings=findings)
    scores = scores[[name for name in findings if name in scores]]
    unscored = [name for name in findings if name not in scores]
    table = pd.DataFrame({"finding": findings, "scored": [name not in unscored for name in findings]})
    return Scored(scores.index.tolist(), scores, table, str(path))
