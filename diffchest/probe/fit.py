"""Fitting the linear head: L2 logistic regression on the standardised semantic latent, each finding its own."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from diffchest.contracts.head import Head
from diffchest.errors import DataError
from diffchest.findings.judged import counted
from diffchest.params.probe import HeadFitParams
from diffchest.probe.authors_recipe import train_head
from diffchest.probe.logistic import choose_l2, fit_logistic
from diffchest.progress import notice

Floats = NDArray[np.float64]


def fit_head(
    z: np.ndarray,
    y: np.ndarray,
    patient_ids: ArrayLike,
    *,
    params: HeadFitParams,
    findings: Sequence[str],
    model_sha256: str = "",
) -> tuple[Head, Floats]:
    """Fit all findings at once, as `params` say, on all rows given; the head, and each finding's penalty [F].

    z [N, d]: latents, standardised here with their own mean and sd, which the head keeps. y [N, F]: 1, 0 or NaN (row
    left out for that finding). patient_ids [N] keep patients together where `params.l2` is to be chosen. A finding
    without both classes gets NaN weights; so do the penalties where there is none. Raises `ValueError` for NaN latents,
    `DataError` for fewer patients than folds.
    """
    if not np.isfinite(z).all():
        raise ValueError("latents hold NaN or infinite values; was the autoencoder trained to the end?")
    mean, sd = z.mean(axis=0, dtype=np.float64), z.std(axis=0, dtype=np.float64)
    sd = np.where(sd > 1e-12, sd, 1.0)
    x, y = (z - mean) / sd, np.asarray(y, dtype=np.float64)
    if params.recipe == "authors":
        penalty = np.full(y.shape[1], np.nan)
        weight, bias = train_head(x, y, seed=params.seed)
    else:
        penalty = _penalty(x, y, patient_ids, params)
        weight, bias = fit_logistic(x, y, l2=penalty)
        penalty[np.isnan(bias)] = np.nan
    tensors = (array.astype(np.float32) for array in (weight, bias, mean, sd))
    seen = counted(pd.DataFrame(y, columns=list(findings))).to_numpy()
    return Head(list(findings), *tensors, model_sha256=model_sha256, fitted_on=seen), penalty


def _penalty(x: Floats, y: Floats, patient_ids: ArrayLike, params: HeadFitParams) -> Floats:
    """The penalty of each finding: the one given, or chosen by cross-validation."""
    if params.l2 != "cv":
        return np.full(y.shape[1], float(params.l2))
    patients = len(np.unique(np.asarray(patient_ids)))
    if patients < params.folds:
        raise DataError(
            f"probe.l2 is cv, but there are {patients} fine-tuning patients for {params.folds} folds; lower probe.folds"
        )
    return choose_l2(x, y, patient_ids, grid=params.l2_grid, folds=params.folds, seed=params.seed)


def subsample_patients(patient_ids: ArrayLike, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Which rows belong to the first `fraction` of the patients in a seeded order: bool [N].

    Nested (the patients of 3 % are among those of 10 %) and independent of the order of the rows; at least one patient.
    """
    patients, codes = np.unique(np.asarray(patient_ids, dtype=str), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(patients))
    kept = np.zeros(len(patients), dtype=bool)
    kept[order[: max(1, round(fraction * len(patients)))]] = True
    return kept[codes]


def head_table(head: Head, labels: pd.DataFrame, penalty: Floats) -> pd.DataFrame:
    """What each finding was fitted on: finding, images (assessed), positives, l2 (NaN: no penalty), fitted."""
    return pd.DataFrame(
        {
            "finding": head.findings,
            "images": labels.notna().sum().to_numpy(),
            "positives": (labels == 1).sum().to_numpy(),
            "l2": penalty,
            "fitted": ~np.isnan(head.bias),
        }
    )


def tell_unfitted(table: pd.DataFrame) -> None:
    """Say which findings of a `head_table` have no head."""
    unfitted = table.loc[~table["fitted"], "finding"].tolist()
    if unfitted:
        notice(
            f"no head for {len(unfitted)} findings that lack a class among the fine-tuning radiographs: "
            + ", ".join(unfitted)
        )
