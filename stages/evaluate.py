"""AUC with confidence interval per finding and model (figure 2, table S1)."""

import pandas as pd

from diffchest import paths
from diffchest.cohorts.labels import load_labels
from diffchest.cohorts.schema import read_manifest
from diffchest.evaluation import TestSet, auc_table
from diffchest.params import load_params
from diffchest.phantom.vocabulary import DRAWN
from diffchest.progress import run, summary
from diffchest.scores import read_scores
from diffchest.tables import write_metrics, write_table


def main() -> None:
    """Write the AUC table and the summary of every model."""
    params = load_params()
    evaluation = params.evaluation
    manifest = read_manifest(paths.STORED_MANIFEST)
    rows = manifest[(manifest["dataset"] == evaluation.dataset) & (manifest["role"] == "test")]
    image_ids = rows["image_id"].tolist()
    labels = load_labels(paths.labels(evaluation.dataset), image_ids, params.cohorts[evaluation.dataset].uncertain)
    test = TestSet.choose(labels, rows["patient_id"].to_numpy(), positives_above=evaluation.positives_above)
    drawn = DRAWN if params.on_phantoms else ()

    tables, metrics = [], {}
    for model in ("diffchest", *params.baselines.enabled):
        scores = read_scores(paths.scores(model), image_ids)
        table, metrics[model] = auc_table(test, scores, model=model, drawn=drawn, params=evaluation.bootstrap)
        tables.append(table)
    write_table(paths.table("auc"), pd.concat(tables))
    write_metrics(paths.stage_metrics("evaluate"), metrics)
    macro = ", ".join(f"{model} {found['macro_auc']:.3f}" for model, found in metrics.items())
    left_out = labels.shape[1] - test.labels.shape[1]
    summary(
        "evaluate",
        f"{len(rows):,} images, {test.labels.shape[1]} findings ({left_out} with at most "
        f"{evaluation.positives_above} positives left out), macro AUC: {macro}",
    )


if __name__ == "__main__":
    run(main)
