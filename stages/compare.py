"""Paired tests of DiffChest against the reference model (table S1), and the audit of the published tables."""

from diffchest import paths
from diffchest.evaluation import comparison_metrics, comparison_table, tell_unmatched
from diffchest.params import load_params
from diffchest.progress import run, summary
from diffchest.published import audit
from diffchest.scores import read_scores
from diffchest.tables import write_metrics, write_table
from diffchest.test_set import read_test_set


def main() -> None:
    """Write table S1, its summary and the published audit."""
    params = load_params()
    evaluation, reference = params.evaluation, params.baselines.reference
    rows, test, _ = read_test_set(params)
    image_ids = rows["image_id"].tolist()
    ours, theirs = (read_scores(paths.scores(model), image_ids) for model in ("diffchest", reference))
    tell_unmatched(test.labels.columns, {"diffchest": ours, reference: theirs})
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
