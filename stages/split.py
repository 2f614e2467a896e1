"""One role per patient, the manifest of the present images, the study flow (figures 1 and S1)."""

from typing import Annotated

import pandas as pd

from diffchest import paths
from diffchest.cohorts.guard import check_one_role, tell_same_ids
from diffchest.cohorts.splits import assign_roles, enough_positives, positives_table
from diffchest.contracts.manifest import COHORT_ROLES, TO_DECODE_COLUMNS, read_manifest, write_manifest
from diffchest.contracts.study_flow import role_flow
from diffchest.files.tables import write_table
from diffchest.params.base import Key, StageParams
from diffchest.params.cohorts import SplitParams
from diffchest.progress import run, summary


class Params(StageParams):
    """What `split` reads of params.yaml."""

    datasets: Annotated[list[str], Key("cohorts.datasets")]
    evaluated: Annotated[str, Key("evaluation.dataset")]
    split: SplitParams


def main() -> None:
    """Split every cohort that takes part; stop when a patient or a file would have two roles."""
    params = Params.load()
    options = {"test_fraction": params.split.test_fraction, "seed": params.split.seed}
    cohorts = {
        name: assign_roles(read_manifest(paths.cohort(name), roles=COHORT_ROLES), **options) for name in params.datasets
    }
    images = pd.concat(cohorts.values())
    check_one_role(images)
    tell_same_ids(images)
    present = images[images["source"] != ""].sort_values("image_id")[TO_DECODE_COLUMNS].reset_index(drop=True)
    write_manifest(paths.MANIFEST, present)
    rejected = [pd.read_csv(paths.rejected(name), dtype=str, keep_default_na=False) for name in cohorts]
    write_table(paths.REJECTED, pd.concat(rejected))

    understood = [pd.read_csv(paths.understood(name), dtype=str, keep_default_na=False) for name in cohorts]
    write_table(paths.table("understood"), pd.concat(understood))

    flows = [
        pd.concat([pd.read_csv(paths.flow(name)), role_flow(cohort)]).assign(dataset=name)
        for name, cohort in cohorts.items()
    ]
    write_table(paths.table("study_flow"), pd.concat(flows)[["dataset", "step", "images", "patients"]])
    published = images[(images["dataset"] == params.evaluated) & (images["role"] != "pretrain")]
    patients = published[["patient_id", "role"]].drop_duplicates().sort_values("patient_id")
    write_table(paths.TABLES / f"split_{params.evaluated}.csv.gz", patients)
    labels = {name: pd.read_parquet(paths.labels(name)).set_index("image_id") for name in cohorts}
    positives = {name: positives_table(name, present, labels[name]) for name in cohorts}
    write_table(paths.table("positives"), pd.concat(positives.values()))
    counts = present.groupby("role")["patient_id"].agg(["size", "nunique"])
    parts = [f"{role} {row['size']:,} images of {row['nunique']:,} patients" for role, row in counts.iterrows()]
    told = enough_positives(positives[params.evaluated]) if params.evaluated in positives else ""
    summary("split", "; ".join([*parts, *([f"{params.evaluated}, {told}"] if told else [])]))


if __name__ == "__main__":
    run(main)
