"""How good the counterfactuals and reconstructions are that were drawn (tables and figures S3, S6)."""

from typing import Annotated

import pandas as pd

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.explained import Explained, Reconstructions
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.manifest import read_manifest
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.quality import (
    MEASURES,
    RECONSTRUCTION,
    counterfactual_table,
    quality_metrics,
    quality_table,
    reconstruction_table,
    tell_saturated,
    worst,
)
from diffchest.files.tables import write_metrics, write_table
from diffchest.params.base import Key
from diffchest.params.evaluation import BootstrapParams, EvaluatedFindings
from diffchest.progress import run, summary


class Params(EvaluatedFindings):
    """What `explain` reads of params.yaml."""

    bootstrap: Annotated[BootstrapParams, Key("evaluation.bootstrap")]


def main() -> None:
    """Write the table of all counterfactuals, the worst of them, their quality and the means of it."""
    params = Params.load()
    dataset, head = Dataset.read(params.dataset), Head.load(paths.HEAD)
    measured = Explained.load_all(paths.MEASURED)
    patients = read_manifest(paths.STORED_MANIFEST).set_index("image_id")["patient_id"]

    findings = evaluated_findings(dataset.labels("test"), head, positives_above=params.positives_above)
    spread = Moves.load(paths.MOVES).logit_spread(head)
    table = pd.concat([counterfactual_table(explained, findings, spread) for explained in measured], ignore_index=True)
    write_table(paths.table("counterfactuals"), table)
    worst(measured).save(paths.FAILURES)
    quality = quality_table(table, patients, MEASURES, params.bootstrap)
    write_table(paths.table("counterfactual_quality"), quality)
    tell_saturated(quality)

    errors = reconstruction_table(Reconstructions.load(paths.RECONSTRUCTIONS))
    write_table(paths.table("reconstruction"), errors)
    of_errors = quality_table(errors.assign(target=""), patients, RECONSTRUCTION, params.bootstrap)
    metrics = {"reconstruction": quality_metrics(of_errors), "counterfactuals": quality_metrics(quality)}
    write_metrics(paths.stage_metrics("explain"), metrics)
    summary(
        "explain",
        f"{table['image_id'].nunique()} radiographs, {table['target'].nunique()} findings: "
        f"{metrics['counterfactuals']['flipped']:.0%} flip, {metrics['counterfactuals']['reached']:.0%} of the change "
        f"asked for is seen; reconstruction MAE {metrics['reconstruction']['mae']:.4f}, "
        f"SSIM {metrics['reconstruction']['ssim']:.3f}",
    )


if __name__ == "__main__":
    run(main)
