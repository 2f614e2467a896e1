"""Choosing rows patient by patient, so that a choice never depends on the order of a table."""

import pandas as pd

from diffchest.phantom.render import stream


def by_patient(rows: pd.DataFrame, patient: str, count: int, *, seed: int, purpose: str) -> pd.DataFrame:
    """Return `count` rows (or all, if there are fewer) of patients in random order, in the table's order.

    `patient` names the column of patients; `purpose` keeps choices with the same seed independent of each other.
    """
    patients = sorted(rows[patient].unique())
    rank = dict(zip(stream(seed, purpose).permutation(patients), range(len(patients)), strict=True))
    order = rows[patient].map(rank).sort_values(kind="stable")
    return rows.loc[order.index[:count]].sort_index()
