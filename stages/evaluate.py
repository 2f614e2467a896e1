"""AUC with confidence interval per finding and model (figure 2, table S1)."""

from typing import Annotated

import pandas as pd

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head
from diffchest.contracts.scores import read_scores
from diffchest.evaluation.auc import auc_table
from diffchest.evaluation.test_set import read_test_set
from diffchest.files.tables import write_metrics, write_table
from diffchest.findings.judged import counted
from diffchest.findings.vocabulary import DRAWN
from diffchest.params.base import OURS, Key
from diffchest.params.baselines import ScoredModels
from diffchest.params.evaluation import BootstrapParams, EvaluatedDataset, EvaluatedFindings
from diffchest.progress import run, summary


class Params(EvaluatedDataset, EvaluatedFindings, ScoredModels):
    """What `evaluate` reads of params.yaml."""

    bootstrap: Annotated[BootstrapParams, Key("evaluation.bootstrap")]


def main() -> None:
    """Write the AUC table and the summary of every model."""
    params = Params.load()
    seen = Head.load(paths.HEAD).seen
    rows, test = read_test_set(params, seen)
    everything = counted(Dataset.read(params.dataset).labels("finetune"))
    drawn = DRAWN if params.on_phantoms else ()

    tables, metrics = [], {}
    for model in params.models:
        scores = read_scores(paths.scores(model), rows["image_id"].tolist(), min_scored=params.least_scored(model))
        own = seen if model == OURS else everything if params.fits_all(model) else None
        table, metrics[model] = auc_table(
            test, scores, model=model, drawn=drawn, params=params.bootstrap, fitted_on=own
        )
        tables.append(table)
    write_table(paths.table("auc"), pd.concat(tables))
    write_metrics(paths.stage_metrics("evaluate"), metrics)
    mean, which = ("drawn_macro_auc", "drawn findings") if params.on_phantoms else ("macro_auc", "findings")
    means = [
        f"{model} {found[mean]:.3f} over {found[f'{mean}_findings']} {which} ({found[f'{mean}_left_out']} left out)"
        for model, found in metrics.items()
    ]
    summary("evaluate", f"{len(rows):,} images, mean AUC: {', '.join(means)}")


if __name__ == "__main__":
    run(main)
