"""Readers' ratings of confounders per diagnosis, Fleiss' kappa and pairwise agreement (tables 1 and 2)."""

import pandas as pd

from diffchest import paths
from diffchest.contracts.labels import load_labels
from diffchest.contracts.manifest import read_manifest
from diffchest.files.tables import write_metrics, write_table
from diffchest.findings.cooccurrence import planted_pairs
from diffchest.findings.vocabulary import DRAWN, KIND
from diffchest.params.whole import Params, load_params
from diffchest.progress import run, summary
from diffchest.readers.ratings import QUESTION, RATING_COLUMNS, read_ratings
from diffchest.readers.sampling import sample_radiographs, simulate_ratings, strongest_confounders
from diffchest.readers.study import study_metrics, study_tables


def main() -> None:
    """Write the radiographs to read, the ratings (given, or simulated on phantoms), the tables and the metrics."""
    params = load_params()
    settings = params.reader_study
    manifest = read_manifest(paths.STORED_MANIFEST)
    manifest = manifest[manifest["dataset"] == params.evaluation.dataset]
    test = manifest[manifest["role"] == "test"]
    labels = _labels(params, test)
    questions = _planted_questions(params, manifest[manifest["role"] != "test"])
    diagnoses = sorted(set(questions["diagnosis"])) or [name for name in params.explain.targets if name in labels]
    template = sample_radiographs(test, labels, diagnoses, number=settings.per_diagnosis, seed=settings.seed)
    write_table(paths.table("reader_template"), template)

    simulated = settings.ratings is None and params.on_phantoms
    if settings.ratings is not None:
        ratings = read_ratings(settings.ratings, manifest["image_id"])
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


def _labels(params: Params, rows: pd.DataFrame) -> pd.DataFrame:
    dataset = params.evaluation.dataset
    return load_labels(paths.labels(dataset), rows["image_id"].tolist(), params.cohorts[dataset].uncertain)


def _planted_questions(params: Params, training: pd.DataFrame) -> pd.DataFrame:
    """Diagnosis, kind and confounder of the planted pairs; none where the radiographs are real."""
    if not params.on_phantoms:
        return pd.DataFrame(columns=QUESTION)
    planted = planted_pairs(_labels(params, training), DRAWN, **params.confounders.planted.model_dump())
    return strongest_confounders(planted, KIND)


if __name__ == "__main__":
    run(main)
