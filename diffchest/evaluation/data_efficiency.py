"""Heads on nested fractions of the training patients, against radiologists (figure S2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from diffchest.contracts.dataset import Dataset
from diffchest.contracts.latents import Latents
from diffchest.errors import DataError
from diffchest.params.base import Role
from diffchest.params.evaluation import BootstrapParams, DataEfficiencyParams
from diffchest.params.probe import HeadFitParams
from diffchest.probe.fit import fit_head, subsample_patients
from diffchest.stats import bootstrap_auc

AUC_COLUMNS = ["finding", "fraction", "patients", "images", "auc", "low", "high"]
COUNT_COLUMNS = ["readers_above", "readers_below"]
CURVE_COLUMNS = ["finding", "fraction", "fpr", "tpr"]
READER_COLUMNS = ["finding", "reader", "fpr", "tpr"]
CURVE_POINTS = 200
LEAVE_OUT = (
    "data_efficiency needs pretraining and test radiographs of one dataset; set data_efficiency.dataset to null in "
    "params.yaml to leave it out"
)


@dataclass(frozen=True, eq=False)
class Sample:
    """Radiographs of one role.

    `z` [N, d], `labels` (one column per finding: 1, 0, NaN), `patient_id` [N], `study_id` [N].
    """

    z: np.ndarray
    labels: pd.DataFrame
    patient_id: np.ndarray
    study_id: np.ndarray


@dataclass(frozen=True, eq=False)
class Study:
    """`auc` (`AUC_COLUMNS`, `COUNT_COLUMNS`), `curves` (`CURVE_COLUMNS`) and `readers` (`READER_COLUMNS`)."""

    auc: pd.DataFrame
    curves: pd.DataFrame
    readers: pd.DataFrame


def nothing_studied() -> Study:
    """Empty tables."""
    columns = ([*AUC_COLUMNS, *COUNT_COLUMNS], CURVE_COLUMNS, READER_COLUMNS)
    return Study(*(pd.DataFrame(columns=names) for names in columns))


def read_sample(dataset: Dataset, role: Role, latents: Latents, findings: Sequence[str]) -> Sample:
    """The radiographs of one role of `dataset`; `DataError` when there are none, or a finding is not its."""
    rows, labels = dataset.needed(role, instead=LEAVE_OUT), dataset.labels(role)
    missing = [finding for finding in findings if finding not in labels]
    if missing:
        raise DataError(
            f"params.yaml: data_efficiency.findings: {missing} are no findings of {dataset.name}; expected some of "
            f"{', '.join(labels.columns)}"
        )
    z = latents.select(rows["image_id"].tolist())
    return Sample(z, labels[list(findings)], rows["patient_id"].to_numpy(), rows["study_id"].to_numpy())


def study(
    train: Sample,
    test: Sample,
    readers: Mapping[str, pd.DataFrame],
    *,
    settings: DataEfficiencyParams,
    head: HeadFitParams,
    bootstrap: BootstrapParams,
) -> Study:
    """Measure heads on fractions of the training patients, and where each reader stands beside them."""
    auc, curves = measure(
        train, test, fractions=settings.fractions, probe=head, bootstrap=bootstrap, seed=settings.seed
    )
    points = operating_points(readers, test.study_id.tolist(), test.labels)
    return Study(count_readers(auc, curves, points), curves, points)


def measure(
    train: Sample,
    test: Sample,
    *,
    fractions: Sequence[float],
    probe: HeadFitParams,
    bootstrap: BootstrapParams,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit a head on each fraction of the training patients and measure it on the test set.

    Both samples have the same label columns. Returns the AUC with its interval (`AUC_COLUMNS`) and the full ROC curves
    (`CURVE_COLUMNS`), for each fraction every finding. A finding without both classes has a NaN AUC and no curve.
    """
    findings = list(train.labels.columns)
    redraws = bootstrap.redraws(test.patient_id)
    tables, curves = [], []
    for fraction in fractions:
        kept = subsample_patients(train.patient_id, fraction, seed)
        labels, patients = train.labels.to_numpy()[kept], train.patient_id[kept]
        head, _ = fit_head(train.z[kept], labels, patients, params=probe, findings=findings)
        scores = head.probabilities(test.z)
        fitted = np.isfinite(scores).all(axis=0)
        truth = np.where(fitted, test.labels.to_numpy(dtype=np.float64), np.nan)
        result = bootstrap_auc(truth, np.where(fitted, scores, 0.0), **redraws)
        size = {"patients": len(np.unique(train.patient_id[kept])), "images": int(kept.sum())}
        intervals = {"auc": result.auc, "low": result.low, "high": result.high}
        tables.append(pd.DataFrame({"finding": findings, "fraction": fraction, **size, **intervals}))
        for finding, column, score in zip(findings, truth.T, scores.T, strict=True):
            curves.append(roc_points(column, score).assign(finding=finding, fraction=fraction))
    return pd.concat(tables)[AUC_COLUMNS], pd.concat(curves)[CURVE_COLUMNS]


def roc_points(truth: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    """ROC curve (fpr, tpr) of `score` where `truth` is 1 or 0, from (0, 0); no rows where one class is missing."""
    known = ~np.isnan(truth)
    if len(np.unique(truth[known])) < 2:
        return pd.DataFrame({"fpr": [], "tpr": []}, dtype=np.float64)
    fpr, tpr, _ = roc_curve(truth[known], score[known])
    return pd.DataFrame({"fpr": fpr, "tpr": tpr})


def operating_points(
    readers: Mapping[str, pd.DataFrame], study_ids: Sequence[str], labels: pd.DataFrame
) -> pd.DataFrame:
    """Where each reader stands in ROC space against the ground truth (`READER_COLUMNS`).

    readers: labels by study id (1: present, anything else: not); `study_ids` and `labels` are those of the test rows.
    Raises `DataError` when a reader did not read a test study.
    """
    rows = []
    for reader, table in readers.items():
        missing = pd.Index(study_ids).difference(table.index)
        if len(missing):
            raise DataError(
                f"radiologists/{reader}_*.csv: no row for {len(missing)} of {len(study_ids)} test studies, for example "
                f"{missing[0]!r}; every benchmark reader must have read the test set"
            )
        called = table.loc[list(study_ids), labels.columns].to_numpy() == 1
        for finding, call, truth in zip(labels.columns, called.T, labels.to_numpy().T, strict=True):
            rows.append((finding, reader, _share(call[truth == 0]), _share(call[truth == 1])))
    return pd.DataFrame(rows, columns=READER_COLUMNS).sort_values(["finding", "reader"], ignore_index=True)


def side_of_curve(fpr: np.ndarray, tpr: np.ndarray, point: tuple[float, float]) -> int:
    """1, 0 or -1: the point (fpr, tpr) lies above, on or below the ROC curve with these vertices (from (0, 0))."""
    x, y = point
    first, after = np.searchsorted(fpr, x, "left"), np.searchsorted(fpr, x, "right")
    if after > first:  # a vertical step, or one vertex, at x
        low, high = tpr[first], tpr[after - 1]
    else:
        low = high = np.interp(x, fpr[first - 1 : first + 1], tpr[first - 1 : first + 1])
    return int(y > high) - int(y < low)


def thin(curves: pd.DataFrame, points: int = CURVE_POINTS) -> pd.DataFrame:
    """Keep at most `points` vertices of each curve, evenly spaced, both ends included."""
    return pd.concat(
        [
            curve.iloc[np.unique(np.linspace(0, len(curve) - 1, min(points, len(curve))).round().astype(int))]
            for _, curve in curves.groupby(["finding", "fraction"], sort=False)
        ]
        or [curves]
    )


def count_readers(auc: pd.DataFrame, curves: pd.DataFrame, readers: pd.DataFrame) -> pd.DataFrame:
    """Add to each row of `auc` (finding, fraction) how many readers beat its whole ROC curve, and how many do not.

    `readers_above` lie above the curve (better than the head), `readers_below` below it; on it is neither. Missing
    where there is no curve or no reader.
    """
    by_curve = dict(iter(curves.groupby(["finding", "fraction"])))
    counts = []
    for key in zip(auc["finding"], auc["fraction"], strict=True):
        curve = by_curve.get(key)
        points = readers.loc[readers["finding"] == key[0], ["fpr", "tpr"]].dropna().to_numpy()
        if curve is None or not len(points):
            counts.append((None, None))
            continue
        fpr, tpr = curve["fpr"].to_numpy(), curve["tpr"].to_numpy()
        sides = [side_of_curve(fpr, tpr, (x, y)) for x, y in points]
        counts.append((sides.count(1), sides.count(-1)))
    return auc.reset_index(drop=True).join(pd.DataFrame(counts, columns=COUNT_COLUMNS, dtype="Int64"))


def efficiency_metrics(auc: pd.DataFrame) -> dict[str, Any]:
    """By fraction: patients, images, macro AUC, and per finding the AUC and the readers above and below its curve.

    auc: `AUC_COLUMNS` and `COUNT_COLUMNS`; counts that are missing there are left out.
    """
    metrics = {}
    for fraction, rows in auc.groupby("fraction", sort=False):
        findings = {
            row["finding"]: {"auc": row["auc"]} | {name: row[name] for name in COUNT_COLUMNS if pd.notna(row[name])}
            for row in rows.to_dict("records")
        }
        size = {"patients": rows["patients"].iloc[0], "images": rows["images"].iloc[0]}
        metrics[f"{fraction:g}"] = {**size, "macro_auc": rows["auc"].mean(), "findings": findings}
    return metrics


def _share(calls: np.ndarray) -> float:
    return float(calls.mean()) if len(calls) else float("nan")
