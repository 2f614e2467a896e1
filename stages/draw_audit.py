"""Draw what goes with the findings of a classifier, a section of `classifiers`; its name is the only argument."""

import sys
from typing import Annotated

from diffchest import paths
from diffchest.audit.direction import own_direction
from diffchest.audit.opened import open_audited
from diffchest.audit.responses import respond
from diffchest.compute.device import set_up
from diffchest.compute.parts import Parts
from diffchest.compute.processes import launched
from diffchest.contracts.classified import Classified
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.latents import Latents
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.pictures import check_same_model
from diffchest.errors import DataError
from diffchest.findings.disease_free import choose_disease_free
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.audit import AuditDrawingParams
from diffchest.params.base import Key
from diffchest.params.classifiers import ClassifierParams
from diffchest.params.counterfactuals import SolverName
from diffchest.params.evaluation import EvaluatedDataset
from diffchest.params.runtime import RuntimeParams
from diffchest.progress import run, summary


class Params(EvaluatedDataset):
    """What `draw_audit` reads of params.yaml."""

    classifier: Annotated[ClassifierParams, Key("classifiers.${key}")]
    confounders: AuditDrawingParams
    solver: Annotated[SolverName, Key("explain.solver")]
    runtime: RuntimeParams


def main() -> None:
    """Write the pictures of the audit and what the classifier says of them."""
    name = sys.argv[1]
    params = Params.load(key=name)
    settings, dataset = params.confounders, Dataset.read(params.dataset)
    model = load_autoencoder(paths.AUTOENCODER, set_up(params.runtime))
    head, moves, classified = Head.load(paths.HEAD), Moves.load(paths.MOVES), Classified.load(paths.classified(name))
    check_same_model(model, head, moves)
    classifier = open_audited(
        f"classifiers.{name}", params.classifier, model=model, head=head, moves=moves, threads=params.runtime.threads
    )
    if [classifier.sha256] != classified.classifier_sha256:
        raise DataError(
            f"{paths.classified(name)}: scores of another classifier than classifiers.{name} is now; run "
            f"`dvc repro score_classifier@{name}`"
        )
    z = Latents.load(paths.LATENTS).select(classified.finetune_id)
    direction, fitted = own_direction(classified, z, head, moves)
    cautious = dataset.labels("test", uncertain="ones")  # who may have a disease is not disease-free
    image_ids = choose_disease_free(
        dataset.rows("test"), cautious, number=settings.images, seed=settings.seed, asked_by="confounders.images"
    )
    with launched() as processes:
        parts = Parts(paths.RUNS / "draw_audit" / name, processes)
        responses = respond(
            model,
            direction,
            image_ids,
            ImageStore(paths.IMAGES).read(image_ids),
            classifier=classifier,
            targets=classified.outputs,
            fitted=fitted,
            solver=params.solver,
            settings=settings,
            parts=parts,
        )
    if responses is not None:  # the first process
        responses.save(paths.responses(name))
        parts.discard_others()
        summary(f"draw_audit {name}", f"{len(image_ids)} radiographs, {len(responses.targets)} targets")


if __name__ == "__main__":
    run(main)
