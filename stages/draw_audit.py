"""Draw the confounder audit: radiographs moved towards findings, and at random; keep pictures and logits."""

from typing import Annotated

from diffchest import paths
from diffchest.audit.responses import respond
from diffchest.compute.device import set_up
from diffchest.compute.parts import Parts
from diffchest.compute.processes import launched
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.pictures import check_same_model
from diffchest.findings.disease_free import choose_disease_free
from diffchest.findings.vocabulary import visible_findings
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.audit import AuditDrawingParams
from diffchest.params.base import Key
from diffchest.params.counterfactuals import SolverName
from diffchest.params.evaluation import EvaluatedDataset, EvaluatedFindings
from diffchest.params.runtime import RuntimeParams
from diffchest.progress import run, summary


class Params(EvaluatedDataset, EvaluatedFindings):
    """What `draw_audit` reads of params.yaml."""

    confounders: AuditDrawingParams
    solver: Annotated[SolverName, Key("explain.solver")]
    runtime: RuntimeParams


def main() -> None:
    """Write the pictures of the audit and what the head says of them."""
    params = Params.load()
    settings, dataset = params.confounders, Dataset.read(params.dataset)
    model = load_autoencoder(paths.AUTOENCODER, set_up(params.runtime))
    head, fitted = Head.load(paths.HEAD), Moves.load(paths.MOVES)
    check_same_model(model, head, fitted)
    findings = evaluated_findings(dataset.labels("test"), head, positives_above=params.positives_above)
    cautious = dataset.labels("test", uncertain="ones")  # who may have a disease is not disease-free
    image_ids = choose_disease_free(dataset.rows("test"), cautious, number=settings.images, seed=settings.seed)
    with launched() as processes:
        parts = Parts(paths.RUNS / "draw_audit", processes)
        responses = respond(
            model,
            head,
            image_ids,
            ImageStore(paths.IMAGES).read(image_ids),
            targets=visible_findings(findings, on_phantoms=params.on_phantoms),
            fitted=fitted,
            solver=params.solver,
            settings=settings,
            parts=parts,
        )
    if responses is not None:  # the first process
        responses.save(paths.RESPONSES)
        parts.discard_others()
        summary("draw_audit", f"{len(image_ids)} radiographs, {len(responses.targets)} targets")


if __name__ == "__main__":
    run(main)
