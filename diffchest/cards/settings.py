"""The keys of params.yaml that the cards read."""

from typing import Annotated

from diffchest.params.base import Key, StageParams
from diffchest.params.classifiers import ClassifiersParams
from diffchest.params.cohorts import CohortsParams, SplitParams
from diffchest.params.evaluation import EvaluationParams
from diffchest.params.pretraining import PretrainParams
from diffchest.params.probe import ProbeParams


class CardParams(StageParams):
    """What the cards read of params.yaml."""

    cohorts: CohortsParams
    split: SplitParams
    pretrain: PretrainParams
    probe: ProbeParams
    evaluation: EvaluationParams
    classifiers: ClassifiersParams
    phantoms: Annotated[list[str], Key("phantom.datasets")]

    @property
    def dataset(self) -> str:
        """The cohort whose test set is looked at."""
        return self.evaluation.dataset
