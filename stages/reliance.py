"""Does each confounder matter: AUC of a finding with and without it; the paper's readers beside the labels."""

import pandas as pd

from diffchest import paths
from diffchest.audit.published_pairs import label_witness
from diffchest.audit.reliance import pairs_to_test, reliance_metrics, reliance_table
from diffchest.contracts.labels import load_labels
from diffchest.contracts.manifest import read_manifest
from diffchest.contracts.scores import read_scores
from diffchest.evaluation.test_set import read_test_set
from diffchest.files.tables import write_metrics, write_table
from diffchest.findings.vocabulary import KIND
from diffchest.params.whole import load_params
from diffchest.progress import run, summary


def main() -> None:
    """Write the AUCs of every pair, their summary, and the published pairs beside the labels."""
    params = load_params()
    evaluation, settings = params.evaluation, params.confounders
    rows, test, _ = read_test_set(params)
    pairs = pairs_to_test(
        pd.read_csv(paths.table("confounders")),
        pd.read_csv(paths.table("label_cooccurrence")),
        kinds=KIND,
        **settings.planted.model_dump(),
    )
    table = reliance_table(
        pairs,
        test,
        read_scores(paths.scores("diffchest"), rows["image_id"].tolist()),
        positives_above=evaluation.subgroups.positives_above,
        bootstrap=evaluation.bootstrap,
        alpha=settings.false_discovery_rate,
    )
    write_table(paths.table("reliance"), table)
    metrics = reliance_metrics(table, alpha=settings.false_discovery_rate)
    write_metrics(paths.stage_metrics("reliance"), metrics)

    manifest = read_manifest(paths.STORED_MANIFEST)
    probed = manifest[(manifest["dataset"] == evaluation.dataset) & manifest["role"].isin(["finetune", "test"])]
    uncertain = params.cohorts[evaluation.dataset].uncertain
    labels = load_labels(paths.labels(evaluation.dataset), probed["image_id"].tolist(), uncertain)
    write_table(
        paths.table("published_cooccurrence"),
        label_witness(labels, probed["patient_id"].to_numpy(), evaluation.bootstrap),
    )
    text = ", ".join(
        f"{name.replace('_', ' ')} {entry['collapses']} of {entry['tested']}" for name, entry in metrics.items()
    )
    summary("reliance", f"findings whose AUC collapses without the confounder, by source of the pair: {text}")


if __name__ == "__main__":
    run(main)
