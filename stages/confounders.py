"""The confounder audit: which other findings appear when a radiograph is moved towards a finding (figure 4)."""

import shutil

import pandas as pd

from diffchest import paths
from diffchest.audit.pairs import audit, effect_matrix
from diffchest.audit.quality import audit_metrics, rivals, with_planted, with_witness
from diffchest.audit.responses import respond, save_examples
from diffchest.compute.device import set_up
from diffchest.compute.processes import launched
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.labels import load_labels
from diffchest.contracts.latents import Latents
from diffchest.contracts.manifest import read_manifest
from diffchest.counterfactuals.pictures import check_same_model
from diffchest.files.tables import write_metrics, write_table
from diffchest.findings.cooccurrence import count_pairs, planted_pairs
from diffchest.findings.disease_free import choose_disease_free
from diffchest.findings.vocabulary import DRAWN, KIND
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.whole import load_params
from diffchest.progress import run, summary

EXAMPLES = 4  # radiographs of each target kept for the figure


def main() -> None:
    """Write the audit's pairs, the label co-occurrence, the matrix of effects, example pictures and the metrics."""
    params = load_params()
    settings, dataset = params.confounders, params.evaluation.dataset
    manifest = read_manifest(paths.STORED_MANIFEST)
    manifest = manifest[manifest["dataset"] == dataset]
    ids = {
        role: manifest.loc[manifest["role"] == role, "image_id"].tolist() for role in ("pretrain", "finetune", "test")
    }
    uncertain = params.cohorts[dataset].uncertain
    labels = {role: load_labels(paths.labels(dataset), chosen, uncertain) for role, chosen in ids.items()}
    head = Head.load(paths.HEAD)
    findings = evaluated_findings(labels["test"], head, positives_above=params.evaluation.positives_above)
    drawn = DRAWN if params.on_phantoms else ()
    targets = [finding for finding in findings if finding in drawn or not drawn]

    test = manifest[manifest["role"] == "test"]
    cautious = load_labels(paths.labels(dataset), ids["test"], "ones")  # who may have a disease is not disease-free
    image_ids = choose_disease_free(test, cautious, number=settings.images, seed=settings.seed)
    model, latents = load_autoencoder(paths.AUTOENCODER, set_up(params.runtime)), Latents.load(paths.LATENTS)
    check_same_model(model, head, latents)
    finetune = latents.select(ids["finetune"])
    runs = paths.RUNS / "confounders"
    with launched() as processes:
        responded = respond(
            model,
            head,
            ImageStore(paths.IMAGES).read(image_ids),
            targets=targets,
            findings=findings,
            finetune=finetune,
            solver=params.explain.solver,
            settings=settings,
            runs=runs,
            processes=processes,
        )
    if responded is None:  # not the first process
        return

    responses, reconstruction, moved = responded
    save_examples(paths.AUDIT_EXAMPLES, image_ids[:EXAMPLES], responses, reconstruction, moved)
    table = audit(responses, head, finetune, settings)
    write_table(paths.PLOTS / "confounder_effects.csv", effect_matrix(table))

    training = pd.concat([labels["pretrain"], labels["finetune"]])[findings]
    counts = count_pairs(training)
    write_table(paths.table("label_cooccurrence"), counts)
    bounds = settings.planted.model_dump()
    table = with_witness(table, counts, kinds=KIND, **bounds)
    planted = planted_pairs(training, [name for name in findings if name in drawn], **bounds)
    table = with_planted(table, planted)
    write_table(paths.table("confounders"), table)

    metrics = audit_metrics(table, rivals(table, count_pairs(labels["finetune"][findings])), drawn=set(drawn))
    write_metrics(paths.stage_metrics("confounders"), metrics)
    shutil.rmtree(runs)
    flagged = f"{metrics['flagged']} of {metrics['pairs']} pairs flagged"
    truth = (
        f"; planted pairs: precision {metrics['precision']:.2f}, recall {metrics['recall']:.2f}, "
        f"average precision {metrics['average_precision']:.2f}"
    )
    summary(
        "confounders",
        f"{len(targets)} targets, {len(image_ids)} radiographs, " + flagged + (truth if params.on_phantoms else ""),
    )


if __name__ == "__main__":
    run(main)
