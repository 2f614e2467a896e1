"""Opening a section of `classifiers`: a classifier of any kind, or our own head as one."""

from diffchest.classifiers.opening import open_classifier
from diffchest.classifiers.own import OwnClassifier
from diffchest.contracts.classifier import Classifier
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.classifiers import ClassifierParams


def open_audited(
    name: str, params: ClassifierParams, *, model: DiffusionAutoencoder, head: Head, moves: Moves, threads: int | None
) -> Classifier:
    """The classifier of section `name`; model, head, moves: what kind `own` is."""
    if params.kind != "own":
        return open_classifier(params, source=f"classifiers.{name}", threads=threads)
    return OwnClassifier(model, head, thresholds=dict(zip(moves.findings, moves.threshold, strict=True)))
