"""Opening a section of `classifiers`: a classifier of any kind, or our own head as one."""

from diffchest.classifiers.opening import open_classifier
from diffchest.classifiers.own import OwnClassifier
from diffchest.contracts.classifier import Classifier
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.errors import DataError
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.classifiers import ClassifierParams


def open_audited(
    source: str,
    params: ClassifierParams,
    *,
    model: DiffusionAutoencoder,
    head: Head | None,
    moves: Moves | None,
    threads: int | None,
) -> Classifier:
    """The classifier of a descriptor, which messages call `source`; model, head, moves: what kind `own` is.

    Raises `DataError` where kind `own` has no head.
    """
    if params.kind != "own":
        return open_classifier(params, source=source, threads=threads)
    if head is None:
        raise DataError(f"{source}: our own head is to be audited, and there is none; name its file with --head")
    thresholds = {} if moves is None else dict(zip(moves.findings, moves.threshold, strict=True))
    return OwnClassifier(model, head, thresholds=thresholds)
