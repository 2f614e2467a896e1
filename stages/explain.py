"""How good the counterfactuals and reconstructions are that were drawn (tables and figures S3, S6)."""

from typing import Annotated

import pandas as pd

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.explained import Explained, Reconstructions
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.latents import Latents
from diffchest.contracts.manifest import read_manifest
from diffchest.contracts.moves import Moves
from diffchest.contracts.twins import Twins
from diffchest.contracts.witness import Witness
from diffchest.counterfactuals.axioms import axioms_rows
from diffchest.counterfactuals.quality import (
    counterfactual_table,
    head_quality,
    quality_metrics,
    reconstruction_metrics,
    reconstruction_table,
    tell_one_radiograph,
    tell_saturated,
    worst,
)
from diffchest.counterfactuals.twin_quality import TwinJudge, told, twin_metrics, twin_quality
from diffchest.files.tables import write_metrics, write_table
from diffchest.params.base import Key, Names, PositiveInt
from diffchest.params.counterfactuals import Towards
from diffchest.params.evaluation import BootstrapParams, EvaluatedFindings
from diffchest.progress import run, summary


class Params(EvaluatedFindings):
    """What `explain` reads of params.yaml."""

    towards: Annotated[Towards, Key("explain.towards")]
    image_ids: Annotated[Names, Key("explain.image_ids")]
    reconstructions: Annotated[PositiveInt, Key("explain.reconstructions")]
    bootstrap: Annotated[BootstrapParams, Key("evaluation.bootstrap")]


def main() -> None:
    """Write the table of all counterfactuals, the worst of them, their quality and the means of it."""
    params = Params.load()
    tell_one_radiograph(params.image_ids, params.reconstructions)
    dataset, head, moves = Dataset.read(params.dataset), Head.load(paths.HEAD), Moves.load(paths.MOVES)
    measured, other = Explained.load_all(paths.MEASURED), Explained.load_all(paths.OTHER_WAY)
    patients = read_manifest(paths.STORED_MANIFEST).set_index("image_id")["patient_id"]

    findings = evaluated_findings(dataset.labels("test"), head, positives_above=params.positives_above)
    spread = moves.logit_spread(head)
    table = pd.concat([counterfactual_table(explained, findings, spread) for explained in measured], ignore_index=True)
    write_table(paths.table("counterfactuals"), table)
    worst(measured).save(paths.FAILURES)
    quality = head_quality(table, patients, params.bootstrap)
    tell_saturated(quality)

    judge = TwinJudge(
        twins=Twins.load(paths.TWINS),
        head=head,
        latents=Latents.load(paths.TWIN_LATENTS),
        witness=Witness.load(paths.WITNESS),
        findings=findings,
        spread=spread,
        threshold=moves.thresholds(),
    )
    added, removed = (measured, other) if params.towards == "presence" else (other, measured)
    twins = twin_quality(judge, added=added, removed=removed, patients=patients, bootstrap=params.bootstrap)
    sound = axioms_rows(paths.AXIOMS, patients, params.bootstrap)
    write_table(paths.table("counterfactual_quality"), pd.concat([quality, twins, sound], ignore_index=True))

    errors = reconstruction_table(Reconstructions.load(paths.RECONSTRUCTIONS))
    write_table(paths.table("reconstruction"), errors)
    of_errors = reconstruction_metrics(errors, patients, params.bootstrap)
    moved = {"radiographs": table["image_id"].nunique(), "targets": table["target"].nunique()}
    metrics = {"reconstruction": of_errors, "counterfactuals": quality_metrics(quality) | moved}
    metrics |= {"twins": twin_metrics(twins), "axioms": quality_metrics(sound)}
    write_metrics(paths.stage_metrics("explain"), metrics)
    summary(
        "explain",
        f"{moved['radiographs']} radiographs, {moved['targets']} findings: "
        f"{metrics['counterfactuals']['reached']:.0%} of the change asked for is seen{told(metrics['twins'])}; "
        f"reconstruction MAE {of_errors['mae']:.4f} ({of_errors['mae_new_x_T']:.4f} from a new x_T)",
    )


if __name__ == "__main__":
    run(main)
