"""The split by patient."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

POSITIVES = (0, 10, 30, 100)  # steps told of how many positives a finding has


def split_patients(patient_ids: Iterable[str], *, test_fraction: float, seed: int) -> dict[str, str]:
    """Role `finetune` or `test` of every patient.

    ceil(`test_fraction` * patients) are test patients (24,239 of PadChest: 7,272, as in the paper). Depends on nothing
    but the set of ids and the seed.
    """
    patients = sorted(set(patient_ids))
    tests = math.ceil(round(test_fraction * len(patients), 9))
    order = np.random.default_rng([seed]).permutation(len(patients))
    return {patients[position]: "test" if rank < tests else "finetune" for rank, position in enumerate(order)}


def assign_roles(cohort: pd.DataFrame, *, test_fraction: float, seed: int) -> pd.DataFrame:
    """Return one cohort with its `probe` rows split by patient into `finetune` and `test`."""
    probe = cohort["role"] == "probe"
    roles = split_patients(cohort.loc[probe, "patient_id"], test_fraction=test_fraction, seed=seed)
    return cohort.assign(role=cohort["role"].mask(probe, cohort["patient_id"].map(roles)))


def enough_positives(positives: pd.DataFrame) -> str:
    """How many labels have so many positives to fine-tune on and to test on, in words; "" without both roles.

    positives: that of one dataset, see `positives_table`.
    """
    table = positives.pivot_table(index="finding", columns="role", values="positives", aggfunc="sum", fill_value=0)
    if not {"finetune", "test"} <= set(table.columns):
        return ""
    fewer = table[["finetune", "test"]].min(axis=1)
    parts = [f"{int((fewer > number).sum())} have more than {number}" for number in POSITIVES]
    return f"of {len(fewer)} labels, by positives in each of finetune and test: {', '.join(parts)}"


def positives_table(dataset: str, images: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Per finding and role: images labelled positive (1), and images with a label (blank ones not counted).

    `images`: manifest rows; `labels`: those of one dataset with the dataset's own codes, index image_id.
    """
    role = images.set_index("image_id")["role"].reindex(labels.index)
    counts = {"positives": (labels == 1).groupby(role).sum(), "images": labels.notna().groupby(role).sum()}
    long = pd.DataFrame({name: table.rename_axis(columns="finding").T.stack() for name, table in counts.items()})
    long = long.reset_index().assign(dataset=dataset)
    return long[["dataset", "finding", "role", "positives", "images"]]
