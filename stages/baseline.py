"""Score the test radiographs with a comparison model; its name is the only argument."""

import sys

import numpy as np

from diffchest import paths
from diffchest.baselines.pca import FIT_ROWS, pca_features
from diffchest.cohorts.labels import load_labels
from diffchest.cohorts.schema import read_manifest
from diffchest.params import load_params
from diffchest.probe import fit_head
from diffchest.progress import run, summary
from diffchest.scores import write_scores
from diffchest.store import ImageStore


def main() -> None:
    """Run the baseline named on the command line (`pca`)."""
    params = load_params()
    name = sys.argv[1]
    dataset = params.evaluation.dataset
    manifest = read_manifest(paths.STORED_MANIFEST)
    store = ImageStore(paths.IMAGES)
    ours = manifest[manifest["dataset"] == dataset]
    ids = {role: ours.loc[ours["role"] == role, "image_id"].tolist() for role in ("finetune", "test")}

    seen = manifest.loc[manifest["role"].isin(params.pretrain.roles), "image_id"].to_numpy()
    chosen = np.random.default_rng(params.baselines.pca.seed).permutation(len(seen))[:FIT_ROWS]
    finetune, test = pca_features(
        store.read(seen[np.sort(chosen)].tolist()),
        store.read(ids["finetune"]),
        store.read(ids["test"]),
        params=params.baselines.pca,
    )
    labels = load_labels(paths.labels(dataset), ids["finetune"], params.cohorts[dataset].uncertain)
    findings = list(labels.columns)
    # always on all fine-tuning patients: a reference that moved with probe.fraction would be none
    patients = ours.loc[ours["role"] == "finetune", "patient_id"]
    head, _ = fit_head(finetune, labels.to_numpy(), patients, params=params.probe, findings=findings)
    write_scores(paths.scores(name), head.probabilities(test), model=name, image_ids=ids["test"], findings=findings)
    summary(f"baseline {name}", f"{finetune.shape[1]} components, {len(findings)} findings, {len(test):,} test images")


if __name__ == "__main__":
    run(main)
