"""Choosing test radiographs to explain: disease-free ones or those with a finding, one per patient, by seed."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from diffchest.errors import DataError
from diffchest.findings.spelling import same_name
from diffchest.progress import notice

NORMAL = {  # names of the label that says "nothing abnormal", as reports in several languages have it
    *("normal", "no finding", "no findings", "normal chest", "unremarkable", "healthy", "nad"),
    *("kein befund", "ohne befund", "o.b.", "o. b.", "unauffällig", "normalbefund", "regelrecht"),
    *("sin hallazgos", "sin alteraciones", "rien à signaler", "ras", "sans anomalie"),
}


def normal_finding(findings: list[str]) -> str | None:
    """Name of the label that says "nothing abnormal" (`normal`, `No Finding`, `Kein Befund`), if there is one."""
    return next((finding for finding in findings if same_name(finding) in NORMAL), None)


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


def removed_alone(labels: pd.DataFrame) -> pd.Series:
    """Of how many radiographs each finding alone is why they are not disease-free; those that are of none left out.

    labels: as in `disease_free`. Where there is a label for "nothing abnormal" these radiographs have it all the same,
    so what takes them away is mostly no finding at all, such as an indicator. Most first.
    """
    normal = normal_finding(list(labels.columns))
    others = labels.drop(columns=normal or []) == 1
    alone = others.sum(axis=1) == 1
    if normal is not None:
        alone &= labels[normal] == 1
    counts = others[alone].sum()
    return counts[counts > 0].sort_values(ascending=False, kind="stable").astype(int)


def tell_few(labels: pd.DataFrame, found: int, number: int, *, asked_by: str) -> None:
    """Say where fewer disease-free radiographs were found than asked for, and what took most of the others."""
    if found >= number:
        return
    notice(
        f"{asked_by} is {number}, but only {found} patient(s) have a disease-free radiograph among {len(labels)}"
        + _taken_by(labels)
    )


def disease_free_table(labels: pd.DataFrame, patients: pd.Series, asked: Mapping[str, int]) -> pd.DataFrame:
    """How many radiographs and patients there are, are disease-free, and are asked for; what alone takes others away.

    labels: of the candidates; patients: theirs, in the same order; asked: the number of patients by parameter. Columns
    what, radiographs, patients; a parameter asks for one radiograph of each patient.
    """
    healthy = disease_free(labels)
    rows = [
        ("candidates", len(labels), patients.nunique()),
        ("disease-free", int(healthy.sum()), patients[healthy].nunique()),
        *((f"asked for by {key}", number, number) for key, number in asked.items()),
    ]
    counts = removed_alone(labels)
    rows += [(f"not disease-free by {finding} alone", count, np.nan) for finding, count in counts.items()]
    return pd.DataFrame(rows, columns=["what", "radiographs", "patients"]).astype({"patients": "Int64"})


def check_some_disease_free(labels: pd.DataFrame) -> None:
    """Raise `DataError` when none of the test radiographs with these labels is disease-free, with what took them."""
    if not disease_free(labels).any():
        raise DataError(
            f"none of the {len(labels)} test radiographs is disease-free (label `normal` or `No Finding` alone, or "
            "no finding at all), and pictures start from such; check the labels of evaluation.dataset"
            + _taken_by(labels)
        )


def choose_disease_free(
    manifest: pd.DataFrame, labels: pd.DataFrame, *, number: int, seed: int, asked_by: str = ""
) -> list[str]:
    """Draw disease-free radiographs of `number` different patients.

    manifest: the candidate rows; labels: their labels, indexed by `image_id`, in the same order; asked_by: the
    parameter that a notice names where there are fewer (without one, nothing is told).
    Returns sorted image ids, fewer than `number` when there are not as many patients; nested for growing `number`.
    Raises `DataError` when no radiograph is disease-free.
    """
    check_some_disease_free(labels)
    healthy = manifest[disease_free(labels)].sort_values("image_id")
    chosen = choose_one_per_patient(healthy, number=number, seed=seed)
    if asked_by:
        tell_few(labels, len(chosen), number, asked_by=asked_by)
    return chosen


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


def _taken_by(labels: pd.DataFrame, most: int = 3) -> str:
    """What alone keeps most of the others from being disease-free; "" where no single finding does."""
    why = ", ".join(f"{finding} {count}" for finding, count in removed_alone(labels).head(most).items())
    return f"; one finding or indicator alone is why so many others are not: {why}" if why else ""
