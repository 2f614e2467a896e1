"""What the figures read of `params.yaml`."""

from typing import Annotated

from diffchest.params.audit import AuditMoveParams
from diffchest.params.base import Fraction, Key, Names, Role
from diffchest.params.baselines import ComparedModels
from diffchest.params.classifiers import ClassifiersParams
from diffchest.params.counterfactuals import MoveParams, PictureKindParams
from diffchest.params.evaluation import EvaluatedDataset, EvaluatedFindings
from diffchest.params.figures import FiguresParams
from diffchest.params.network import Prediction


class FigureParams(EvaluatedDataset, EvaluatedFindings, ComparedModels):
    """The keys that figures show or need to find their rows; `draw` of every figure takes it."""

    figures: FiguresParams
    classifiers: ClassifiersParams
    targets: Annotated[list[str], Key("explain.targets")]
    image_ids: Annotated[Names, Key("explain.image_ids")]
    move: Annotated[MoveParams, Key("explain")]
    drawn: Annotated[PictureKindParams, Key("explain")]
    audit_move: Annotated[AuditMoveParams, Key("confounders")]
    false_discovery_rate: Annotated[float, Key("confounders.false_discovery_rate")]
    confidence: Annotated[float, Key("evaluation.bootstrap.confidence")]
    groups: Annotated[list[str], Key("evaluation.subgroups.attributes")]
    group_positives_above: Annotated[int, Key("evaluation.subgroups.positives_above")]
    efficiency_dataset: Annotated[str | None, Key("data_efficiency.dataset")]
    prediction: Annotated[Prediction, Key("diffusion.prediction")]
    pretrain_roles: Annotated[list[Role], Key("pretrain.roles")]
    validation_fraction: Annotated[Fraction, Key("pretrain.validation_fraction")]
