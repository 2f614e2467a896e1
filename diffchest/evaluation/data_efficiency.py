"""Heads on nested fractions of the training patients, against radiologists (figure S2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head
from diffchest.contracts.latents import Latents
from diffchest.errors import DataError
from diffchest.evaluation.roc import mean_curve, roc_points, side_of_curve
from diffchest.findings.averaged import averaged, kinds, mean_over_findings
from diffchest.findings.judged import counted, reasons
from diffchest.params.base import Role
from diffchest.params.evaluation import BootstrapParams, DataEfficiencyParams
from diffchest.params.probe import HeadFitParams
from diffchest.probe.fit import fit_head, subsample_patients
from diffchest.stats.auc import group_codes
from diffchest.stats.bootstrap import bootstrap_auc, percentile_interval
from diffchest.stats.placements import Placements, placements
from diffchest.stats.score_interval import TrainingVariance, score_interval

AUC_COLUMNS = [
    *("finding", "kind", "fraction", "draws", "patients", "images", "test_n", "test_positives"),
    *("auc", "low", "high", "training_sd", "reason"),
]
COUNT_COLUMNS = ["readers_above", "readers_below"]
CURVE_COLUMNS = ["finding", "fraction", "fpr", "tpr"]
READER_COLUMNS = ["finding", "reader", "fpr", "tpr"]
LEAVE_OUT = (
    "data_efficiency needs pretraining and test radiographs of one dataset; set data_efficiency.dataset to null in "
    "params.yaml to leave it out"
)


@dataclass(frozen=True, eq=False)
class Sample:
    """Radiographs of one role.

    `z` [N, d], `labels` (one column per finding: 1, 0, NaN), `patient_id` [N], `study_id` [N]; `kinds` of the labels.
    """

    z: np.ndarray
    labels: pd.DataFrame
    patient_id: np.ndarray
    study_id: np.ndarray
    kinds: Sequence[str]


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
    patients, studies = rows["patient_id"].to_numpy(), rows["study_id"].to_numpy()
    return Sample(z, labels[list(findings)], patients, studies, kinds(findings, dataset.indicators))


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
    auc, curves = measure(train, test, settings=settings, probe=head, bootstrap=bootstrap)
    points = operating_points(readers, test.study_id.tolist(), test.labels)
    return Study(count_readers(auc, curves, points), curves, points)


def measure(
    train: Sample,
    test: Sample,
    *,
    settings: DataEfficiencyParams,
    probe: HeadFitParams,
    bootstrap: BootstrapParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit heads on fractions of the training patients and measure them on the test set.

    A fraction below 1 is drawn `settings.redraws` times; within a draw, the patients of a smaller fraction are among
    those of a larger one. Both samples have the same label columns. Returns, for each fraction every finding, the mean
    AUC over the draws with its interval (`AUC_COLUMNS`; images: of the first draw) and the mean ROC curve
    (`CURVE_COLUMNS`). A finding with too few test radiographs to be judged (`findings.judged`: here few training ones
    are what is asked about), or without both classes in a draw, has a `reason`, a NaN AUC and no curve.
    """
    findings, number = list(train.labels.columns), counted(test.labels)
    few = reasons(number, None, positives_above=settings.positives_above)
    tables, curves = [], []
    for fraction in settings.fractions:
        draws = settings.redraws if fraction < 1 else 1
        kept = [subsample_patients(train.patient_id, fraction, settings.seed + draw) for draw in range(draws)]
        scores = np.stack([_fitted(train, rows, probe).probabilities(test.z) for rows in kept])
        fitted = np.isfinite(scores).all(axis=(0, 1))
        reason = few.mask((few == "").to_numpy() & ~fitted, "one class alone in a draw of the training patients")
        truth = np.where(reason == "", test.labels.to_numpy(dtype=np.float64), np.nan)
        measured = mean_auc(truth, np.nan_to_num(scores), test.patient_id, bootstrap)
        of_test = {"test_n": number["n"].to_numpy(), "test_positives": number["positives"].to_numpy()}
        size = of_test | {"patients": len(np.unique(train.patient_id[kept[0]])), "images": int(kept[0].sum())}
        about = {"finding": findings, "kind": test.kinds, "fraction": fraction, "draws": draws}
        tables.append(pd.DataFrame({**about, **size, **measured, "reason": reason.to_numpy()}))
        for finding, column, of_finding in zip(findings, truth.T, np.moveaxis(scores, 2, 0), strict=True):
            curve = mean_curve([roc_points(column, score) for score in of_finding])
            curves.append(curve.assign(finding=finding, fraction=fraction))
    return pd.concat(tables)[AUC_COLUMNS], pd.concat(curves)[CURVE_COLUMNS]


def _fitted(train: Sample, kept: np.ndarray, probe: HeadFitParams) -> Head:
    labels = train.labels.to_numpy()[kept]
    findings = list(train.labels.columns)
    return fit_head(train.z[kept], labels, train.patient_id[kept], params=probe, findings=findings)[0]


def mean_auc(
    truth: np.ndarray, scores: np.ndarray, patients: np.ndarray, bootstrap: BootstrapParams
) -> dict[str, np.ndarray]:
    """auc, low, high, training_sd [findings] of the mean over draws; truth [n, findings], scores [draws, n, findings].

    The interval is that of what a head fitted on so many patients has on average over the patients it might have been
    fitted on and those it might be tested on. Its variance has two parts: that of the test patients, of the mean of the
    draws' AUCs, and s^2 / draws of the training patients, where s (`training_sd`) is the standard deviation between
    draws on these test patients (NaN: one draw, and the interval holds the test patients' part alone).
    """
    codes, _ = group_codes(bootstrap.groups(patients), len(truth))
    draws = range(len(scores))
    found = [[placements(y, scores[draw, :, f], codes) for draw in draws] for f, y in enumerate(truth.T)]
    aucs = np.array([[np.nan if each is None else each.of_positive.mean() for each in row] for row in found])
    spread = aucs.std(axis=1, ddof=1) if len(draws) > 1 else np.full(len(aucs), np.nan)
    if bootstrap.interval == "percentile":
        low, high = _nested_redraws(truth, scores, patients, bootstrap)
    else:
        means = [None if row[0] is None else Placements.mean([each for each in row if each]) for row in found]
        extra = np.nan_to_num(spread**2 / len(draws))
        training = [TrainingVariance(float(variance), max(len(draws) - 1, 1)) for variance in extra]
        low, high = score_interval(means, bootstrap.confidence, training)
    return {"auc": aucs.mean(axis=1), "low": low, "high": high, "training_sd": spread}


def _nested_redraws(
    truth: np.ndarray, scores: np.ndarray, patients: np.ndarray, bootstrap: BootstrapParams
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of redraws of the test patients and, in each, of the draws of training patients."""
    redraws = bootstrap.redraws(patients)
    samples = np.stack([bootstrap_auc(truth, score, interval="percentile", **redraws).samples for score in scores])
    draws = len(scores)
    mean = samples.mean(axis=0)
    chosen = np.random.default_rng(bootstrap.seed).multinomial(draws, np.full(draws, 1 / draws), size=len(mean)) / draws
    apart = np.einsum("bd,dbf->bf", chosen, samples) - mean
    widened = mean + apart * np.sqrt(
        draws / max(draws - 1, 1)
    )  # redrawing k of k draws has (k - 1) / k of their variance
    return percentile_interval(widened, bootstrap.confidence)


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
    """By fraction: draws, patients, images, macro AUC and over how many findings.

    Per finding the AUC and the readers above and below its curve.

    auc: `AUC_COLUMNS` and `COUNT_COLUMNS`; counts that are missing there are left out.
    """
    metrics = {}
    for fraction, rows in auc.groupby("fraction", sort=False):
        findings = {
            row["finding"]: {"auc": row["auc"]} | {name: row[name] for name in COUNT_COLUMNS if pd.notna(row[name])}
            for row in rows.to_dict("records")
        }
        size = {name: rows[name].iloc[0] for name in ("draws", "patients", "images")}
        macro, number = mean_over_findings(rows["kind"], rows["auc"])
        left_out = int(averaged(rows["kind"]).sum()) - number
        mean = {"macro_auc": macro, "macro_auc_findings": number, "macro_auc_left_out": left_out}
        metrics[f"{fraction:g}"] = {**size, **mean, "findings": findings}
    return metrics


def _share(calls: np.ndarray) -> float:
    return float(calls.mean()) if len(calls) else float("nan")
