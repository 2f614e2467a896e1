"""Measures of one classifier alone and against its pictures, that the gates compare with bounds."""

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from diffchest.classifiers.preprocess import Picture, as_uint8
from diffchest.contracts.classifier import Classifier
from diffchest.errors import DataError
from diffchest.images.squares import to_square
from diffchest.stats.auc import group_codes, roc_auc
from diffchest.stats.placements import placements
from diffchest.stats.score_interval import score_interval

CONFIDENCE = 0.95  # of the interval of an AUC
OTHER_BATCH = 5  # pictures at a time, backwards, when the same are scored again
PENALTIES = np.logspace(-1, 4, 6)  # of the ridge, of which the best is taken within each fold


def aucs(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """AUC [K] of scores [N, K] of labels [N, K] that are 1, 0 or NaN; NaN without both classes or with no number."""
    found = np.full(labels.shape[1], np.nan)
    for column in np.flatnonzero(np.isfinite(scores).all(axis=0)):
        found[column] = roc_auc(labels[:, column], scores[:, column])
    return found


def auc_lower_limits(labels: np.ndarray, scores: np.ndarray, patients: Sequence[str] | np.ndarray) -> np.ndarray:
    """Lower limit [K] of the 95 % score interval of each AUC, clustered by patient; NaN as in `aucs`."""
    codes, _ = group_codes(patients, len(labels))
    finite = np.asarray(np.isfinite(scores).all(axis=0), dtype=bool)
    found = [
        placements(labels[:, column], scores[:, column], codes) if finite[column] else None
        for column in range(labels.shape[1])
    ]
    return score_interval(found, CONFIDENCE)[0]


def at_size_and_back(pictures: np.ndarray, size: int) -> np.ndarray:
    """Pictures uint8 [N, S, S] as the generator sees them: scaled to `size` as in the image store, and back."""
    side = pictures.shape[1]
    if side == size:
        return pictures
    small = np.stack([to_square(picture, size) for picture in pictures])
    return as_uint8(small, Picture("bright_bone", (side, side), "bicubic"))


def in_another_batch(classifier: Classifier, pictures: np.ndarray) -> np.ndarray:
    """Logits [N, K] scored a few at a time, in the opposite order."""
    backwards = pictures[::-1]
    parts = [
        classifier.logits(backwards[first : first + OTHER_BATCH]) for first in range(0, len(pictures), OTHER_BATCH)
    ]
    return np.concatenate(parts)[::-1]


def largest_difference(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Largest absolute difference [K] of logits [N, K]; NaN beside NaN is none."""
    same = (some == others) | (np.isnan(some) & np.isnan(others))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, np.abs(some - others)).max(axis=0)


def twin_outputs(logits: np.ndarray, tolerance: float) -> dict[int, int]:
    """Outputs that say the same as an earlier one of every picture: the earlier by the later column."""
    found = {}
    for later in range(logits.shape[1]):
        for earlier in range(later):
            if np.all(np.abs(logits[:, later] - logits[:, earlier]) <= tolerance):
                found[later] = earlier
                break
    return found


def carried_by_latents(
    logits: np.ndarray, z: np.ndarray, patients: Sequence[str] | np.ndarray, folds: int
) -> np.ndarray:
    """R^2 [K] of logits [N, K] predicted from z [N, d] by ridge regression, on patients that it was not fitted on.

    1 - the mean squared error over the variance; below 0 where z says nothing. NaN for a constant or non-finite output.
    Raises `DataError` for fewer patients than `folds`.
    """
    number = len(set(np.asarray(patients).tolist()))
    if number < folds:
        raise DataError(f"gates: {number} patients are too few for {folds} folds; give radiographs of more patients")
    found = np.full(logits.shape[1], np.nan)
    usable = np.isfinite(logits).all(axis=0) & (np.ptp(np.nan_to_num(logits), axis=0) > 0)
    if not usable.any():
        return found
    target = logits[:, usable].astype(np.float64)
    predicted = np.empty_like(target)
    for train, test in GroupKFold(folds).split(z, groups=np.asarray(patients)):
        model = make_pipeline(StandardScaler(), RidgeCV(PENALTIES, alpha_per_target=True))
        predicted[test] = model.fit(z[train], target[train]).predict(z[test]).reshape(len(test), -1)
    found[usable] = 1 - ((target - predicted) ** 2).mean(axis=0) / target.var(axis=0)
    return found


def ranked_best(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """AUC [K, F] of every output [N, K] for every finding [N, F]: outputs in another order show off the diagonal."""
    columns = [aucs(labels, np.repeat(output[:, None], labels.shape[1], axis=1)) for output in logits.T]
    return np.stack(columns)
