"""Paired tests of DiffChest against every other model (table S1), and the audit of the published tables."""

from typing import Annotated

import pandas as pd

from diffchest import paths
from diffchest.contracts.head import Head
from diffchest.contracts.scores import read_scores
from diffchest.evaluation.auc import tell_unmatched
from diffchest.evaluation.comparison import comparison_metrics, comparison_table
from diffchest.evaluation.published import recomputed_claims
from diffchest.evaluation.test_set import read_test_set
from diffchest.files.tables import write_metrics, write_table
from diffchest.params.base import OURS, Key
from diffchest.params.baselines import ComparedModels, ScoredModels
from diffchest.params.evaluation import BootstrapParams, EvaluatedFindings, PermutationParams
from diffchest.progress import run, summary


class Params(EvaluatedFindings, ScoredModels, ComparedModels):
    """What `compare` reads of params.yaml."""

    bootstrap: Annotated[BootstrapParams, Key("evaluation.bootstrap")]
    permutation: Annotated[PermutationParams, Key("evaluation.permutation")]


def main() -> None:
    """Write table S1, the reference model first, its summary and the published audit."""
    params = Params.load()
    rows, test = read_test_set(params, Head.load(paths.HEAD).seen)
    image_ids = rows["image_id"].tolist()
    models = [params.reference, *(name for name in params.baselines.ready if name != params.reference)]
    ours, *others = (
        read_scores(paths.scores(model), image_ids, min_scored=params.least_scored(model)) for model in (OURS, *models)
    )
    tables, metrics = [], {}
    for model, theirs in zip(models, others, strict=True):
        tell_unmatched(test.labels.columns, {OURS: ours, model: theirs})
        table = comparison_table(test, ours, theirs, bootstrap=params.bootstrap, permutation=params.permutation)
        metrics[model] = comparison_metrics(table, reference=model)
        tables.append(table.assign(reference=model))
        summary(
            "compare",
            f"DiffChest against {model}: {metrics[model]['wins']} wins, {metrics[model]['ties']} ties, "
            f"{metrics[model]['losses']} losses; after Holm {metrics[model]['wins_holm']} wins and "
            f"{metrics[model]['losses_holm']} losses remain",
        )
    together = pd.concat(tables)
    write_table(paths.table("comparison"), together[["reference", *together.columns.drop("reference")]])
    first, *rest = models
    more = {"others": {model: metrics[model] for model in rest}} if rest else {}
    write_metrics(paths.stage_metrics("compare"), {**metrics[first], **more})
    write_table(paths.table("published_audit"), recomputed_claims())


if __name__ == "__main__":
    run(main)
