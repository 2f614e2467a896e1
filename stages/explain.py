"""Counterfactual radiographs and reconstructions of test patients (figures 3, S3-S6)."""

import shutil

from diffchest import paths
from diffchest.cohorts.labels import load_labels
from diffchest.cohorts.schema import read_manifest
from diffchest.counterfactual import check_same_model, fitted_targets, latent_covariance
from diffchest.device import set_up
from diffchest.disease_free import choose_disease_free, choose_one_per_patient
from diffchest.explanations import (
    check_image_ids,
    counterfactual_table,
    explain_images,
    explanation_metrics,
    reconstruction_table,
)
from diffchest.head import Head
from diffchest.latents import Latents
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params import load_params
from diffchest.processes import launched
from diffchest.progress import run, summary
from diffchest.store import ImageStore
from diffchest.tables import write_metrics, write_table


def main() -> None:
    """Write the counterfactuals, their table, the reconstruction numbers and the means of both."""
    params = load_params()
    settings = params.explain
    manifest = read_manifest(paths.STORED_MANIFEST)
    own = manifest[manifest["dataset"] == params.evaluation.dataset]
    test, finetune = own[own["role"] == "test"], own[own["role"] == "finetune"]
    check_image_ids(settings.image_ids, manifest)
    image_ids = settings.image_ids
    if not image_ids:
        labels = load_labels(paths.labels(params.evaluation.dataset), test["image_id"].tolist(), uncertain="ones")
        image_ids = choose_disease_free(test, labels, number=settings.patients, seed=settings.seed)

    model = load_autoencoder(paths.AUTOENCODER, set_up(params.runtime))
    head = Head.load(paths.HEAD)
    latents = Latents.load(paths.LATENTS)
    check_same_model(model, head, latents)
    targets = fitted_targets(head, settings.targets)
    covariance = latent_covariance(latents.select(finetune["image_id"].tolist()), head)
    sample = choose_one_per_patient(test, number=settings.reconstructions, seed=settings.seed)
    store, runs = ImageStore(paths.IMAGES), paths.RUNS / "explain"
    with launched() as processes:
        explanation = explain_images(
            model,
            head,
            image_ids,
            store.read(image_ids),
            targets=targets,
            covariance=covariance,
            settings=settings,
            runs=runs,
            processes=processes,
        )
        reconstruction = reconstruction_table(
            model, sample, store.read(sample), settings, runs=runs, processes=processes
        )
    if explanation is None or reconstruction is None:  # not the first process
        return

    explanation.save(paths.COUNTERFACTUALS)
    counterfactuals = counterfactual_table(explanation, settings.step)
    write_table(paths.table("counterfactuals"), counterfactuals)
    write_table(paths.table("reconstruction"), reconstruction)
    metrics = explanation_metrics(reconstruction, counterfactuals)
    write_metrics(paths.stage_metrics("explain"), metrics)
    shutil.rmtree(runs)
    summary(
        "explain",
        f"{len(image_ids)} radiographs x {len(targets)} findings, "
        f"validity {metrics['counterfactuals']['validity']:.2f}, "
        f"reconstruction MAE {metrics['reconstruction']['mae']:.4f}, SSIM {metrics['reconstruction']['ssim']:.3f}"
        + "".join(f"; no head for {target}" for target in settings.targets if target not in targets),
    )


if __name__ == "__main__":
    run(main)
