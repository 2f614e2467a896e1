"""AUC and missed positives by sex, age and view, and the gaps between groups."""

from typing import Annotated

import pandas as pd

from diffchest import paths
from diffchest.contracts.head import Head
from diffchest.contracts.scores import read_scores
from diffchest.evaluation.subgroups import subgroup_metrics, subgroup_tables
from diffchest.evaluation.test_set import read_test_set
from diffchest.files.tables import write_metrics, write_table
from diffchest.params.base import OURS, Key
from diffchest.params.baselines import ScoredModels
from diffchest.params.evaluation import BootstrapParams, EvaluatedFindings, SubgroupsParams
from diffchest.progress import run, summary


class Params(EvaluatedFindings, ScoredModels):
    """What `subgroups` reads of params.yaml."""

    bootstrap: Annotated[BootstrapParams, Key("evaluation.bootstrap")]
    subgroups: Annotated[SubgroupsParams, Key("evaluation.subgroups")]


def main() -> None:
    """Write the measures of every group, the gaps and the summary of every model."""
    params = Params.load()
    rows, test = read_test_set(params, Head.load(paths.HEAD).seen)
    tables, gaps, metrics = [], [], {}
    for model in params.models:
        scores = read_scores(paths.scores(model), rows["image_id"].tolist(), min_scored=params.least_scored(model))
        table, gap = subgroup_tables(
            test, scores, rows, model=model, params=params.subgroups, bootstrap=params.bootstrap
        )
        metrics[model] = subgroup_metrics(table, gap)
        tables.append(table)
        gaps.append(gap)
    write_table(paths.table("subgroups"), pd.concat(tables))
    write_table(paths.table("subgroup_gaps"), pd.concat(gaps))
    write_metrics(paths.stage_metrics("subgroups"), metrics)
    found = metrics[OURS].items()
    gaps_of = [(name, entry["auc_gaps"]) for name, entry in found if "auc_gaps" in entry]
    text = ", ".join(f"{name} {gap['significant_holm']} of {gap['tested']}" for name, gap in gaps_of)
    summary("subgroups", f"significant gaps in AUC (Holm): {text or 'no attribute has two groups'}")


if __name__ == "__main__":
    run(main)
