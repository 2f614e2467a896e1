"""Choosing test radiographs to explain: disease-free ones or those with a finding, one per patient, by seed."""

import numpy as np
import pandas as pd

from diffchest.errors import DataError

NORMAL = ("normal", "no finding")


def normal_finding(findings: list[str]) -> str | None:
    """Name of the label that says "nothing abnormal" (PadChest `normal`, CheXpert `No Finding`), if there is one."""
    return next((finding for finding in findings if finding.lower() in NORMAL), None)


def disease_free(labels: pd.DataFrame) -> np.ndarray:
    """Which rows of a label table (1 present, 0 absent, NaN not assessed) are disease-free: bool [N].

    No finding is present, and where the table has a label for "nothing abnormal", that one is. A row in which nothing
    was assessed is not.
    """
    normal = normal_finding(list(labels.columns))
    if normal is None:
        return (labels.notna().any(axis=1) & ~(labels == 1).any(axis=1)).to_numpy()
    others = (labels.drop(columns=normal) == 1).any(axis=1)
    return ((labels[normal] == 1) & ~others).to_numpy()


def choose_disease_free(manifest: pd.DataFrame, labels: pd.DataFrame, *, number: int, seed: int) -> list[str]:
    """Draw disease-free radiographs of `number` different patients.

    manifest: the candidate rows; labels: their labels, indexed by `image_id`, in the same order.
    Returns sorted image ids, fewer than `number` when there are not as many patients; nested for growing `number`.
    Raises `DataError` when no radiograph is disease-free.
    """
    healthy = manifest[disease_free(labels)].sort_values("image_id")
    if healthy.empty:
        raise DataError(
            f"none of the {len(manifest)} test radiographs is disease-free (label `normal` or `No Finding` alone, or "
            "no finding at all); check the labels of evaluation.dataset (`explain` also takes explain.image_ids)"
        )
    return choose_one_per_patient(healthy, number=number, seed=seed)


def choose_with_finding(
    manifest: pd.DataFrame, labels: pd.DataFrame, finding: str, *, number: int, seed: int
) -> list[str]:
    """Draw radiographs of `number` different patients with `finding`, as `choose_disease_free` does; [] without any."""
    if finding not in labels:
        return []
    return choose_one_per_patient(manifest[(labels[finding] == 1).to_numpy()], number=number, seed=seed)


def choose_one_per_patient(manifest: pd.DataFrame, *, number: int, seed: int) -> list[str]:
    """Draw one radiograph of each of `number` patients by seed; sorted image ids."""
    order = np.random.default_rng(seed).permutation(len(manifest))
    drawn = manifest.sort_values("image_id").iloc[order].drop_duplicates("patient_id")
    return sorted(drawn["image_id"].iloc[:number])
