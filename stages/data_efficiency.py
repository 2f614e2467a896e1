"""Heads on fractions of CheXpert's training patients, against its benchmark radiologists (figure S2)."""

from typing import Annotated

from diffchest import paths
from diffchest.contracts.benchmark_readers import read_benchmark_readers
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.latents import Latents
from diffchest.evaluation.data_efficiency import Study, efficiency_metrics, nothing_studied, read_sample, study
from diffchest.evaluation.roc import thin
from diffchest.files.tables import write_metrics, write_table
from diffchest.params.base import Key, StageParams
from diffchest.params.evaluation import BootstrapParams, DataEfficiencyParams
from diffchest.params.probe import HeadFitParams
from diffchest.progress import run, summary


class Params(StageParams):
    """What `data_efficiency` reads of params.yaml."""

    data_efficiency: DataEfficiencyParams
    head: Annotated[HeadFitParams, Key("probe")]
    bootstrap: Annotated[BootstrapParams, Key("evaluation.bootstrap")]


def main() -> None:
    """Write AUCs, ROC curves, the readers' operating points and the metrics; empty ones when the stage is off."""
    params = Params.load()
    name = params.data_efficiency.dataset
    found = nothing_studied() if name is None else _study(name, params)
    metrics = efficiency_metrics(found.auc)
    write_table(paths.table("data_efficiency"), found.auc)
    write_table(paths.PLOTS / "data_efficiency_roc.csv", thin(found.curves))
    write_table(paths.table("data_efficiency_readers"), found.readers)
    write_metrics(paths.stage_metrics("data_efficiency"), metrics)
    text = ", ".join(f"{fraction}: mean AUC {entry['macro_auc']:.3f}" for fraction, entry in metrics.items())
    summary("data_efficiency", text or "off (data_efficiency.dataset is null)")


def _study(name: str, params: Params) -> Study:
    dataset, latents = Dataset.read(name), Latents.load(paths.LATENTS)
    findings = params.data_efficiency.findings
    return study(
        read_sample(dataset, "pretrain", latents, findings),
        read_sample(dataset, "test", latents, findings),
        read_benchmark_readers(paths.benchmark_readers(name)),
        settings=params.data_efficiency,
        head=params.head,
        bootstrap=params.bootstrap,
    )


if __name__ == "__main__":
    run(main)
