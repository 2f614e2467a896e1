"""Heads on fractions of CheXpert's training patients, against its benchmark radiologists (figure S2)."""

import pandas as pd

from diffchest import paths
from diffchest.cohorts.chexpert import read_readers
from diffchest.contracts.labels import load_labels
from diffchest.contracts.latents import Latents
from diffchest.contracts.manifest import read_manifest
from diffchest.errors import DataError
from diffchest.evaluation.data_efficiency import (
    AUC_COLUMNS,
    COUNT_COLUMNS,
    CURVE_COLUMNS,
    READER_COLUMNS,
    Sample,
    count_readers,
    efficiency_metrics,
    measure,
    operating_points,
    thin,
)
from diffchest.files.tables import write_metrics, write_table
from diffchest.params.whole import Params, load_params
from diffchest.progress import run, summary

_ROLES = ("pretrain", "test")


def main() -> None:
    """Write AUCs, ROC curves, the readers' operating points and the metrics; empty ones when the stage is off."""
    params = load_params()
    if params.data_efficiency.dataset is None:
        columns = ([*AUC_COLUMNS, *COUNT_COLUMNS], CURVE_COLUMNS, READER_COLUMNS)
        auc, curves, readers = (pd.DataFrame(columns=names) for names in columns)
        metrics, text = {}, "off (data_efficiency.dataset is null)"
    else:
        auc, curves, readers = _study(params, params.data_efficiency.dataset)
        metrics = efficiency_metrics(auc)
        text = ", ".join(f"{fraction}: macro AUC {entry['macro_auc']:.3f}" for fraction, entry in metrics.items())
    write_table(paths.table("data_efficiency"), auc)
    write_table(paths.PLOTS / "data_efficiency_roc.csv", thin(curves))
    write_table(paths.table("data_efficiency_readers"), readers)
    write_metrics(paths.stage_metrics("data_efficiency"), metrics)
    summary("data_efficiency", text)


def _study(params: Params, dataset: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    settings, cohort = params.data_efficiency, params.cohorts[dataset]
    manifest = read_manifest(paths.STORED_MANIFEST)
    rows = {role: manifest[(manifest["dataset"] == dataset) & (manifest["role"] == role)] for role in _ROLES}
    empty = [role for role, chosen in rows.items() if chosen.empty]
    if empty:
        raise DataError(
            f"{paths.STORED_MANIFEST}: {dataset} has no row with role {empty[0]!r}; data_efficiency needs pretraining "
            "and test radiographs of one dataset. Set data_efficiency.dataset to null in params.yaml to leave it out"
        )
    latents = Latents.load(paths.LATENTS)
    samples = {role: _sample(chosen, latents, params, dataset) for role, chosen in rows.items()}
    auc, curves = measure(
        samples["pretrain"],
        samples["test"],
        fractions=settings.fractions,
        probe=params.probe,
        bootstrap=params.evaluation.bootstrap,
        seed=settings.seed,
    )
    benchmark = read_readers(cohort.root).benchmark if cohort.format == "chexpert" else {}
    readers = operating_points(benchmark, rows["test"]["study_id"].tolist(), samples["test"].labels)
    return count_readers(auc, curves, readers), curves, readers


def _sample(rows: pd.DataFrame, latents: Latents, params: Params, dataset: str) -> Sample:
    ids, findings = rows["image_id"].tolist(), params.data_efficiency.findings
    labels = load_labels(paths.labels(dataset), ids, params.cohorts[dataset].uncertain)
    missing = [finding for finding in findings if finding not in labels]
    if missing:
        raise DataError(
            f"params.yaml: data_efficiency.findings: {missing} are no findings of {dataset}; expected some of "
            f"{', '.join(labels.columns)}"
        )
    return Sample(latents.select(ids), labels[findings], rows["patient_id"].to_numpy())


if __name__ == "__main__":
    run(main)
