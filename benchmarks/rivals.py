"""Other ways to ask what a classifier's score responds to, each an estimate [F, K] in SD of its logits.

Written from the papers. F findings B are asked for, K outputs A of a classifier. None reads a true twin.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from diffchest.audit.reactions import mean_moves
from diffchest.audit.scoring import score
from diffchest.baselines.pca import pca_features
from diffchest.classifiers.surrogate import fit_surrogate
from diffchest.contracts.classifier import Classifier
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.edited import draw_edits
from diffchest.counterfactuals.moves import edit_latents
from diffchest.counterfactuals.pictures import batch_size, decode, encode_latents, encode_noise
from diffchest.counterfactuals.regression import Regression, covariates
from diffchest.findings.disease_free import choose_with_finding
from diffchest.findings.hierarchy import KINDS, generic
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.audit import AuditDrawingParams
from diffchest.params.baselines import PcaParams
from diffchest.params.counterfactuals import ExplainParams

MATCHED = 1000  # radiographs with B, at most, each with the nearest without
COMPONENTS = 128  # of the pixels, as many as z has
OCCLUDED = 0.05  # of the pixels
NUDGE = 0.5  # SD of a dimension of z, for finite differences: less is lost in gray levels
STEP = 2.0  # SD of A's logit, by which a latent shift is to raise it as far as the gradient says
LONGEST = 6.0  # ... at most so far in standardised z
PIXELS = 512  # at a time in a regression

Logits = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Labelled:
    """N radiographs uint8 [N, S, S], their labels (1 or 0), rows of the manifest, and what kinds of findings are."""

    pictures: np.ndarray
    labels: pd.DataFrame
    rows: pd.DataFrame
    kinds: dict[str, list[str]]

    def held(self, y: np.ndarray) -> Regression:
        """The audit's regression of y [N, .]."""
        return Regression.fit(y, self.labels, covariates(self.rows), self.kinds)


def logits_of(classifier: Classifier, outputs: Sequence[str], spread: np.ndarray) -> Logits:
    """Pictures uint8 [..., S, S] to logits in SD [..., K]."""
    return lambda pictures: score(classifier, list(outputs), pictures) / spread


def matched(known: Labelled, scores: np.ndarray, findings: Sequence[str]) -> np.ndarray:
    """Radiographs with B less the nearest without, by the other labels, view, sex and age: scores in SD [N, K].

    Nearest: the fewest labels, view and sex that differ, and 20 years count as one; ties by chance.
    """
    held = covariates(known.rows).drop(columns="age_squared")
    rng, found = np.random.default_rng(0), []
    for finding in findings:
        alike = {finding, *generic(finding, known.kinds), *KINDS.get(finding, ())}
        others = known.labels.drop(columns=list(alike & set(known.labels.columns))).to_numpy(np.float32)
        design = np.column_stack([others, held.drop(columns="age").to_numpy(np.float32) / np.sqrt(2)])
        has = known.labels[finding].to_numpy() == 1
        there, elsewhere = np.flatnonzero(has), np.flatnonzero(~has)
        there = rng.permutation(there)[:MATCHED]
        distance = np.square(design[there]).sum(axis=1)[:, None] - 2 * design[there] @ design[elsewhere].T
        distance += np.square(design[elsewhere]).sum(axis=1)
        age = held["age"].to_numpy(np.float32)
        distance += np.abs(age[there][:, None] - age[elsewhere]) + 1e-3 * rng.random(distance.shape, dtype=np.float32)
        found.append((scores[there] - scores[elsewhere[distance.argmin(axis=1)]]).mean(axis=0))
    return np.stack(found)


def pca_probe(known: Labelled, scores: np.ndarray, findings: Sequence[str]) -> np.ndarray:
    """A linear probe of the scores on principal components of the pixels, moved by B's coefficient there."""
    fit = np.random.default_rng(0).permutation(len(known.pictures))[:10_000]
    (features,) = pca_features(
        known.pictures[np.sort(fit)], known.pictures, params=PcaParams(components=COMPONENTS, seed=0)
    )
    standard = (features / features.std(axis=0)).astype(np.float64)
    weight, _ = fit_surrogate(standard, scores)
    held = known.held(standard)
    return np.stack([held.added(finding) for finding in findings]) @ weight.T


def regions(known: Labelled, findings: Sequence[str]) -> np.ndarray:
    """Where each finding is: the pixels it adds most to, up or down, all else held; bool [F, S, S]."""
    flat = known.pictures.reshape(len(known.pictures), -1)
    blocks = []
    for start in range(0, flat.shape[1], PIXELS):
        held = known.held(flat[:, start : start + PIXELS].astype(np.float64))
        blocks.append(np.stack([held.added(finding) for finding in findings]))
    size = known.pictures.shape[1:]
    change = gaussian_filter(np.abs(np.concatenate(blocks, axis=1)).reshape(-1, *size), (0, 1, 1))
    bound = np.quantile(change.reshape(len(change), -1), 1 - OCCLUDED, axis=1)
    return change > bound[:, None, None]


def occlusion(where: np.ndarray, with_b: Sequence[np.ndarray], score: Logits, fill: np.ndarray) -> np.ndarray:
    """By how much the score falls when B's region is painted over in radiographs with B.

    where: bool [F, S, S]; with_b: for each finding pictures uint8 [n, S, S]; fill: what it is painted over with.
    """
    found = []
    for region, pictures in zip(where, with_b, strict=True):
        hidden = np.where(region, fill.astype(np.uint8), pictures)
        found.append((score(pictures) - score(hidden)).mean(axis=0))
    return np.stack(found)


def gradients(
    model: DiffusionAutoencoder, head: Head, pictures: np.ndarray, score: Logits, settings: AuditDrawingParams
) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Of the score of the decoded picture by z, standardised: finite differences through decoder and classifier.

    Returns the gradient [P, K, d], the scores of the reconstructions [P, K], and what decodes moves [P, T, d] of
    standardised z and scores the pictures, [P, T, K].
    """
    z = encode_latents(model, pictures)
    x_end = encode_noise(model, pictures, z, solver="dpm_solver", steps=settings.encode_steps)

    def moved(by: np.ndarray) -> np.ndarray:
        latents = (z[:, None] + by * head.sd).astype(np.float32)
        return score(decode(model, x_end, latents, solver="dpm_solver", steps=settings.decode_steps))

    axes = np.vstack([np.zeros(z.shape[1]), NUDGE * np.eye(z.shape[1])])
    told = moved(np.broadcast_to(axes, (len(z), *axes.shape)))
    return np.swapaxes(told[:, 1:] - told[:, :1], 1, 2) / NUDGE, told[:, 0], moved


def latent_shift(
    gradient: np.ndarray, before: np.ndarray, moved: Callable[[np.ndarray], np.ndarray], places: Sequence[int]
) -> np.ndarray:
    """Cohen et al. 2021: each radiograph is moved along the gradient of A, and what else the classifier then calls.

    gradient [P, K, d], before [P, K], moved: see `gradients`; places: of the F findings among the outputs. By how much
    B rises where A is asked for: [F, K].
    """
    length = np.linalg.norm(gradient, axis=2, keepdims=True)
    step = np.minimum(STEP / np.maximum(length, 1e-9), LONGEST)
    after = moved(step * gradient / np.maximum(length, 1e-9))  # [P, A, B]
    return (after - before[:, None]).mean(axis=0).T[list(places)]


def gradient_along(gradient: np.ndarray, moves: Moves, findings: Sequence[str]) -> np.ndarray:
    """The derivative of A's score along the move of B (as TCAV, Kim et al. 2018, but in z): [F, K]."""
    return mean_moves(moves, findings) @ gradient.mean(axis=0).T


@dataclass(frozen=True, eq=False)
class Removed:
    """Test radiographs with B, and with B removed by our edit: for each finding uint8 [n, S, S] both, and labels."""

    pictures: list[np.ndarray]
    without: list[np.ndarray]
    labels: list[pd.DataFrame]


def with_finding(rows: pd.DataFrame, labels: pd.DataFrame, finding: str, number: int) -> list[str]:
    """Test radiographs with a finding, those with most others first: what a shortcut test needs has A and B."""
    ids = choose_with_finding(rows, labels, finding, number=10**6, seed=0)
    others = labels.loc[ids].eq(1).sum(axis=1).sort_values(ascending=False, kind="stable")
    return [str(name) for name in others.index[:number]]


def removed(
    model: DiffusionAutoencoder,
    head: Head,
    moves: Moves,
    findings: Sequence[str],
    with_b: Sequence[np.ndarray],
    labels: list[pd.DataFrame],
    settings: ExplainParams,
) -> Removed:
    """Remove each finding from the radiographs that have it, as `explain` does."""
    away, without = settings.model_copy(update={"towards": "absence"}), []
    for finding, pictures in zip(findings, with_b, strict=True):
        drawn, size = [], batch_size(pictures.shape[-1])
        for start in range(0, len(pictures), size):
            few = pictures[start : start + size]
            z = encode_latents(model, few)
            asked = edit_latents(z, head, moves, [finding], away)[0]
            latents = np.concatenate([z[:, None], asked], axis=1).astype(np.float32)
            edited = draw_edits(model, head, few, latents, head.rows([finding]), settings, reconstruct=False)
            drawn.append(cast(np.ndarray, edited["pictures"])[:, 1])
        without.append(np.concatenate(drawn))
    return Removed(list(with_b), without, labels)


def shortcut_test(drawn: Removed, score: Logits, outputs: Sequence[str]) -> np.ndarray:
    """FastDiME's (Weng et al. 2024): by how much A falls where B is removed from radiographs with A and B; [F, K].

    NaN where no radiograph has both.
    """
    found = []
    for before, after, labels in zip(drawn.pictures, drawn.without, drawn.labels, strict=True):
        fall, with_a = score(before) - score(after), labels.reindex(columns=list(outputs)).eq(1).to_numpy()
        number = with_a.sum(axis=0)
        with np.errstate(invalid="ignore"):
            found.append(np.where(number, (fall * with_a).sum(axis=0) / number, np.nan))
    return np.stack(found)
