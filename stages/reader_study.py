"""Readers' ratings of confounders per diagnosis, Fleiss' kappa and pairwise agreement (tables 1 and 2)."""

from typing import Annotated

import pandas as pd

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.files.tables import write_metrics, write_table
from diffchest.params.audit import PlantedParams
from diffchest.params.base import Key
from diffchest.params.counterfactuals import Targets
from diffchest.params.evaluation import EvaluatedDataset
from diffchest.params.readers import ReaderStudyParams
from diffchest.progress import run, summary
from diffchest.readers.ratings import QUESTION, RATING_COLUMNS, read_ratings
from diffchest.readers.sampling import planted_questions, sample_radiographs, simulate_ratings
from diffchest.readers.study import study_metrics, study_tables


class Params(EvaluatedDataset):
    """What `reader_study` reads of params.yaml."""

    reader_study: ReaderStudyParams
    planted: Annotated[PlantedParams, Key("confounders.planted")]
    targets: Annotated[Targets, Key("explain.targets")]


def main() -> None:
    """Write the radiographs to read, the ratings (given, or simulated on phantoms), the tables and the metrics."""
    params = Params.load()
    settings, dataset = params.reader_study, Dataset.read(params.dataset)
    labels = dataset.labels("test")
    questions = pd.DataFrame(columns=QUESTION)
    if params.on_phantoms:
        questions = planted_questions(dataset.labels("pretrain", "finetune"), **params.planted.model_dump())
    diagnoses = sorted(set(questions["diagnosis"])) or [name for name in params.targets if name in labels]
    test = dataset.rows("test")
    template = sample_radiographs(test, labels, diagnoses, number=settings.per_diagnosis, seed=settings.seed)
    write_table(paths.table("reader_template"), template)

    simulated = settings.ratings is None and params.on_phantoms
    if settings.ratings is not None:
        ratings = read_ratings(settings.ratings, dataset.manifest["image_id"])
    elif simulated:
        ratings = simulate_ratings(template, questions, labels, settings.simulated, seed=settings.seed)
    else:
        ratings = pd.DataFrame(columns=RATING_COLUMNS)
    write_table(paths.READER_RATINGS, ratings)
    tables = study_tables(ratings, resamples=settings.bootstrap_resamples, seed=settings.seed)
    for name, table in tables.items():
        write_table(paths.table(name), table)
    write_metrics(paths.stage_metrics("reader_study"), study_metrics(ratings, tables, simulated=simulated))
    source = "no ratings yet" if ratings.empty else f"{len(ratings):,} {'simulated ' * simulated}ratings"
    summary("reader_study", f"{len(template):,} radiographs of {len(diagnoses)} diagnoses, {source}")


if __name__ == "__main__":
    run(main)
