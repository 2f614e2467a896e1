"""Brier scores and reliability of every model's probabilities."""

from typing import Annotated

import pandas as pd

from diffchest import paths
from diffchest.contracts.head import Head
from diffchest.contracts.scores import read_scores
from diffchest.evaluation.calibration import calibration_metrics, calibration_tables
from diffchest.evaluation.test_set import read_test_set
from diffchest.files.tables import write_metrics, write_table
from diffchest.params.base import Key
from diffchest.params.baselines import ScoredModels
from diffchest.params.evaluation import BootstrapParams, EvaluatedFindings
from diffchest.progress import run, summary


class Params(EvaluatedFindings, ScoredModels):
    """What `calibration` reads of params.yaml."""

    bootstrap: Annotated[BootstrapParams, Key("evaluation.bootstrap")]


def main() -> None:
    """Write the calibration of every finding and model, the reliability curves and the means."""
    params = Params.load()
    rows, test = read_test_set(params, Head.load(paths.HEAD).seen)
    tables, curves, metrics = [], [], {}
    for model in params.models:
        scores = read_scores(paths.scores(model), rows["image_id"].tolist(), min_scored=params.least_scored(model))
        table, curve = calibration_tables(test, scores, model=model, params=params.bootstrap)
        metrics[model] = calibration_metrics(table)
        tables.append(table)
        curves.append(curve)
    write_table(paths.table("calibration"), pd.concat(tables))
    write_table(paths.PLOTS / "reliability.csv", pd.concat(curves))
    write_metrics(paths.stage_metrics("calibration"), metrics)
    text = ", ".join(f"{model} {found['skill']:.3f}" for model, found in metrics.items())
    summary("calibration", f"{len(tables[0])} findings, mean Brier skill: {text}")


if __name__ == "__main__":
    run(main)
