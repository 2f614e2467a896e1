"""Counterfactual radiographs and reconstructions of test patients, and how good they are (figures 3, S3-S6)."""

import shutil

import pandas as pd

from diffchest import paths
from diffchest.compute.device import set_up
from diffchest.compute.processes import launched
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.labels import load_labels
from diffchest.contracts.latents import Latents
from diffchest.contracts.manifest import read_manifest
from diffchest.counterfactuals.choosing import check_image_ids, choose_radiographs, choose_shown
from diffchest.counterfactuals.explainer import Explainer
from diffchest.counterfactuals.moves import fitted_targets, latent_covariance
from diffchest.counterfactuals.pictures import check_same_model
from diffchest.counterfactuals.quality import (
    MEASURES,
    RECONSTRUCTION,
    counterfactual_table,
    quality_metrics,
    quality_table,
    tell_saturated,
    worst,
)
from diffchest.counterfactuals.similarity import similarity
from diffchest.files.tables import write_metrics, write_table
from diffchest.findings.disease_free import choose_one_per_patient
from diffchest.findings.vocabulary import DRAWN
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.whole import load_params
from diffchest.progress import run, summary
from diffchest.readers.sheets import PAIRS, write_reader_sheets


def main() -> None:
    """Write the pictures that the figures show, the table of all counterfactuals, their quality and the means of it."""
    params = load_params()
    settings, dataset = params.explain, params.evaluation.dataset
    manifest = read_manifest(paths.STORED_MANIFEST)
    own = manifest[manifest["dataset"] == dataset]
    test, finetune = own[own["role"] == "test"], own[own["role"] == "finetune"]
    check_image_ids(settings.image_ids, manifest)
    uncertain = params.cohorts[dataset].uncertain
    labels = load_labels(paths.labels(dataset), test["image_id"].tolist(), uncertain)
    # who may have a disease is not disease-free, and who may not have the finding cannot be moved away from it
    cautiously = "ones" if settings.towards == "presence" else "zeros"
    cautious = load_labels(paths.labels(dataset), test["image_id"].tolist(), cautiously)

    model = load_autoencoder(paths.AUTOENCODER, set_up(params.runtime))
    head, latents = Head.load(paths.HEAD), Latents.load(paths.LATENTS)
    check_same_model(model, head, latents)
    targets = fitted_targets(head, settings.targets)
    findings = evaluated_findings(labels, head, positives_above=params.evaluation.positives_above)
    drawn = [finding for finding in findings if finding in DRAWN] if params.on_phantoms else findings
    groups = choose_radiographs(test, cautious, targets, settings)
    shown = settings.image_ids or choose_shown(groups, settings.patients, seed=settings.seed)
    sample = choose_one_per_patient(test, number=settings.reconstructions, seed=settings.seed)
    store, runs = ImageStore(paths.IMAGES), paths.RUNS / "explain"
    with launched() as processes:
        explainer = Explainer(
            model,
            head,
            findings,
            covariance=latent_covariance(latents.select(finetune["image_id"].tolist()), head),
            settings=settings,
            runs=runs,
            processes=processes,
        )
        pictures = explainer.explain(shown, store.read(shown), targets)
        every = explainer.explain(shown[:1], store.read(shown[:1]), drawn)
        sweep = explainer.sweep(shown[0], store.read(shown[:1])[0], targets)
        measured = [explainer.explain(ids, store.read(ids), names) for names, ids in groups]
        originals = store.read(sample)
        reconstructed = explainer.reconstruct(originals)
    if pictures is None or every is None or sweep is None or reconstructed is None:  # not the first process
        return

    counted = [explanation for explanation in measured if explanation is not None]
    pictures.save(paths.COUNTERFACTUALS)
    every.save(paths.EVERY_FINDING)
    sweep.save(paths.STEP_SWEEP)
    worst(counted).save(paths.FAILURES)
    table = pd.concat([counterfactual_table(explanation) for explanation in counted], ignore_index=True)
    write_table(paths.table("counterfactuals"), table)
    sheets = [explanation.sample(PAIRS, seed=settings.seed) for explanation in counted]
    write_reader_sheets(paths.READER_SHEETS, sheets, settings.towards)
    patients = manifest.set_index("image_id")["patient_id"]
    quality = quality_table(table, patients, MEASURES, params.evaluation.bootstrap)
    write_table(paths.table("counterfactual_quality"), quality)
    tell_saturated(quality)
    reconstruction = similarity(originals, reconstructed)
    reconstruction.insert(0, "image_id", sample)
    write_table(paths.table("reconstruction"), reconstruction)
    of_reconstruction = quality_table(
        reconstruction.assign(target=""), patients, RECONSTRUCTION, params.evaluation.bootstrap
    )
    metrics = {"reconstruction": quality_metrics(of_reconstruction), "counterfactuals": quality_metrics(quality)}
    write_metrics(paths.stage_metrics("explain"), metrics)
    shutil.rmtree(runs)
    summary(
        "explain",
        f"{table['image_id'].nunique()} radiographs, {len(targets)} findings: "
        f"{metrics['counterfactuals']['flipped']:.0%} flip, {metrics['counterfactuals']['reached']:.0%} of the change "
        f"asked for is seen; reconstruction MAE {metrics['reconstruction']['mae']:.4f}, "
        f"SSIM {metrics['reconstruction']['ssim']:.3f}"
        + "".join(f"; no head for {target}" for target in settings.targets if target not in targets),
    )


if __name__ == "__main__":
    run(main)
