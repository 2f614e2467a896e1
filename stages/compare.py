"""Paired tests of DiffChest against the reference model (table S1), and the audit of the published tables."""

from diffchest import paths
from diffchest.cohorts.labels import load_labels
from diffchest.cohorts.schema import read_manifest
from diffchest.evaluation import TestSet, comparison_metrics, comparison_table
from diffchest.params import load_params
from diffchest.progress import run, summary
from diffchest.published import audit
from diffchest.scores import read_scores
from diffchest.tables import write_metrics, write_table


def main() -> None:
    """Write table S1, its summary and the published audit."""
    params = load_params()
    evaluation, reference = params.evaluation, params.baselines.reference
    manifest = read_manifest(paths.STORED_MANIFEST)
    rows = manifest[(manifest["dataset"] == evaluation.dataset) & (manifest["role"] == "test")]
    image_ids = rows["image_id"].tolist()
    labels = load_labels(paths.labels(evaluation.dataset), image_ids, params.cohorts[evaluation.dataset].uncertain)
    test = TestSet.choose(labels, rows["patient_id"].to_numpy(), positives_above=evaluation.positives_above)
    ours, theirs = (read_scores(paths.scores(model), image_ids) for model in ("diffchest", reference))
    table = comparison_table(test, ours, theirs, params=evaluation)
    write_table(paths.table("comparison"), table)
    metrics = comparison_metrics(table, reference=reference)
    write_metrics(paths.stage_metrics("compare"), metrics)
    write_table(paths.table("published_audit"), audit())
    summary(
        "compare",
        f"DiffChest against {reference}: {metrics['wins']} wins, {metrics['ties']} ties, {metrics['losses']} losses, "
        f"{metrics['significant_holm']} of {metrics['findings']} differ (Holm)",
    )


if __name__ == "__main__":
    run(main)
