"""Fit the linear head on the fine-tuning patients' latents and score the test radiographs."""

from typing import Annotated

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.latents import Latents
from diffchest.contracts.scores import write_scores
from diffchest.files.tables import write_metrics, write_table
from diffchest.params.base import OURS, Key, StageParams
from diffchest.params.probe import ProbeParams
from diffchest.probe.fit import fit_head, head_table, subsample_patients, tell_unfitted
from diffchest.progress import run, summary

SPLIT_COHORT = (
    "name a cohort whose patients are split as evaluation.dataset, such as padchest or a table with `use: probe`"
)


class Params(StageParams):
    """What `fit_head` reads of params.yaml."""

    dataset: Annotated[str, Key("evaluation.dataset")]
    probe: ProbeParams


def main() -> None:
    """Write the head, what each finding was fitted on, and the test scores."""
    params = Params.load()
    dataset = Dataset.read(params.dataset)
    finetune = dataset.needed("finetune", instead=SPLIT_COHORT)
    finetune = finetune[subsample_patients(finetune["patient_id"], params.probe.fraction, params.probe.seed)]
    test_ids = dataset.image_ids("test")

    latents = Latents.load(paths.LATENTS)
    labels = dataset.labels_of(finetune["image_id"].tolist())
    findings = list(labels.columns)
    head, penalty = fit_head(
        latents.select(finetune["image_id"].tolist()),
        labels.to_numpy(),
        finetune["patient_id"],
        params=params.probe,
        findings=findings,
        model_sha256=latents.model_sha256,
    )
    head.save(paths.HEAD)
    probabilities = head.probabilities(latents.select(test_ids))
    write_scores(paths.scores(OURS), probabilities, model=OURS, image_ids=test_ids, findings=findings)

    table = head_table(head, labels, penalty)
    write_table(paths.table("head"), table)
    tell_unfitted(table)
    patients, fitted = finetune["patient_id"].nunique(), int(table["fitted"].sum())
    metrics = {"findings": len(findings), "fitted": fitted, "patients": patients, "images": len(finetune)}
    write_metrics(paths.stage_metrics("fit_head"), metrics)
    summary("fit_head", f"{fitted} of {len(findings)} findings on {len(finetune):,} images of {patients:,} patients")


if __name__ == "__main__":
    run(main)
