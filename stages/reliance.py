"""Does each confounder matter: AUC of a finding with and without it; the paper's readers beside the labels."""

from typing import Annotated

import pandas as pd

from diffchest import paths
from diffchest.audit.published_pairs import label_witness
from diffchest.audit.reliance import pairs_to_test, reliance_metrics, reliance_table
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head
from diffchest.contracts.scores import read_scores
from diffchest.evaluation.test_set import read_test_set
from diffchest.files.tables import write_metrics, write_table
from diffchest.findings.vocabulary import KIND
from diffchest.params.audit import FalseDiscoveryRate, PlantedParams
from diffchest.params.base import OURS, Key
from diffchest.params.evaluation import BootstrapParams, EvaluatedFindings
from diffchest.progress import run, summary


class Params(EvaluatedFindings):
    """What `reliance` reads of params.yaml."""

    bootstrap: Annotated[BootstrapParams, Key("evaluation.bootstrap")]
    in_each_group: Annotated[int, Key("evaluation.subgroups.positives_above")]
    planted: Annotated[PlantedParams, Key("confounders.planted")]
    false_discovery_rate: Annotated[FalseDiscoveryRate, Key("confounders.false_discovery_rate")]


def main() -> None:
    """Write the AUCs of every pair, their summary, and the published pairs beside the labels."""
    params = Params.load()
    rows, test = read_test_set(params, Head.load(paths.HEAD).seen)
    pairs = pairs_to_test(
        pd.read_csv(paths.table("confounders")),
        pd.read_csv(paths.table("label_cooccurrence")),
        kinds=KIND,
        **params.planted.model_dump(),
    )
    table = reliance_table(
        pairs,
        test,
        read_scores(paths.scores(OURS), rows["image_id"].tolist()),
        positives_above=params.in_each_group,
        bootstrap=params.bootstrap,
        alpha=params.false_discovery_rate,
    )
    write_table(paths.table("reliance"), table)
    metrics = reliance_metrics(table, alpha=params.false_discovery_rate)
    write_metrics(paths.stage_metrics("reliance"), metrics)

    dataset = Dataset.read(params.dataset)
    patients = dataset.rows("finetune", "test")["patient_id"].to_numpy()
    witness = label_witness(dataset.labels("finetune", "test"), patients, params.bootstrap)
    write_table(paths.table("published_cooccurrence"), witness)
    text = ", ".join(
        f"{name.replace('_', ' ')} {entry['collapses']} of {entry['tested']}" for name, entry in metrics.items()
    )
    summary("reliance", f"findings whose AUC collapses without the confounder, by source of the pair: {text}")


if __name__ == "__main__":
    run(main)
