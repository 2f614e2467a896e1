"""The linear head: L2 logistic regression on the standardised semantic latent, one row of weights per finding."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from scipy.special import expit

from diffchest.errors import DataError

Floats = NDArray[np.float64]
Singles = np.ndarray  # float32
BLOCK = 64  # findings fitted together: their logits stay in the processor's cache
TOLERANCE = 1e-7  # largest gradient at the optimum, in standard errors of a coefficient
FORCING = 0.1  # how far conjugate gradients reduce the residual of a Newton step
MOST_STEPS = 100  # reached only where there is no optimum: separable classes without a penalty


@dataclass(frozen=True, eq=False)
class Head:
    """`findings` [F], `weight` [F, d] and `bias` [F] for z standardised with `mean` and `sd` [d], all float32.

    `model_sha256` names the autoencoder whose latents the head was fitted on. Weights are NaN for a finding that
    lacked a class.
    """

    findings: list[str]
    weight: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    model_sha256: str

    def logits(self, z: np.ndarray) -> np.ndarray:
        """Log-odds [N, F] of unnormalised latents z [N, d]."""
        return ((z - self.mean) / self.sd) @ self.weight.T + self.bias

    def probabilities(self, z: np.ndarray) -> np.ndarray:
        """Probabilities [N, F] of unnormalised latents z [N, d]."""
        return expit(self.logits(z))

    def save(self, path: Path) -> None:
        """Write a safetensors file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: getattr(self, name).astype(np.float32) for name in ("weight", "bias", "mean", "sd")}
        metadata = {"head": json.dumps({"findings": self.findings, "model_sha256": self.model_sha256})}
        partial = path.with_suffix(".partial")
        partial.write_bytes(save(tensors, metadata))
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Head":
        """Read a head; `DataError` when the file is missing or is none."""
        try:
            with safe_open(path, "numpy") as file:
                facts = json.loads((file.metadata() or {})["head"])
                tensors = {name: file.get_tensor(name) for name in ("weight", "bias", "mean", "sd")}
        except FileNotFoundError:
            raise DataError(f"{path}: no such head; run `dvc repro fit_head`") from None
        except (SafetensorError, KeyError) as error:
            raise DataError(f"{path}: not a head ({error}); delete it and run `dvc repro fit_head`") from None
        return cls(findings=facts["findings"], model_sha256=facts["model_sha256"], **tensors)


def fit_head(z: np.ndarray, y: np.ndarray, *, l2: float, findings: Sequence[str], model_sha256: str = "") -> Head:
    """Fit all findings at once to the optimum of the (convex) penalised likelihood.

    z [N, d]: latents, standardised here with their own mean and sd. y [N, F]: 1, 0 or NaN (row left out for that
    finding). Minimises, per finding, sum of cross-entropies + l2/2 |w|^2, the bias not penalised: scikit-learn's
    `LogisticRegression(C=1/l2)`. A finding without both classes gets NaN weights. Raises `ValueError` for NaN latents.
    """
    if not np.isfinite(z).all():
        raise ValueError("latents hold NaN or infinite values; was the autoencoder trained to the end?")
    mean, sd = z.mean(axis=0, dtype=np.float64), z.std(axis=0, dtype=np.float64)
    sd = np.where(sd > 1e-12, sd, 1.0)
    y = np.asarray(y, dtype=np.float64)
    fitted = ((y == 1).any(axis=0)) & ((y == 0).any(axis=0))
    weight = np.full((y.shape[1], z.shape[1]), np.nan)
    bias = np.full(y.shape[1], np.nan)
    if fitted.any():
        weight[fitted], bias[fitted] = fit_logistic((z - mean) / sd, y[:, fitted], l2=l2)
    tensors = (array.astype(np.float32) for array in (weight, bias, mean, sd))
    return Head(list(findings), *tensors, model_sha256=model_sha256)


def fit_logistic(x: Floats, y: Floats, *, l2: float) -> tuple[Floats, Floats]:
    """Weights [F, d] and biases [F] of F independent logistic regressions.

    x [N, d]; y [N, F] with NaN for rows to leave out. Newton's method, each step solved by conjugate gradients (Lin et
    al. 2008): in the eigenbasis of x'x the Hessian is nearly diagonal, so a few products with `x` do. They are float32,
    twice as fast; the gradient is float64, so that the optimum, unlike the way to it, does not depend on rounding.
    """
    eigenvalues, basis = np.linalg.eigh(x.T @ x)
    rotated = np.hstack([x @ basis, np.ones((len(x), 1))])
    spread = np.append(np.maximum(eigenvalues, 0.0), len(x))[:, None]  # [d + 1, 1]
    penalty = np.append(np.full(x.shape[1], l2), 0.0)[:, None]
    blocks = [
        _fit_block(rotated, y[:, start : start + BLOCK], spread=spread, penalty=penalty)
        for start in range(0, y.shape[1], BLOCK)
    ]
    coefficients = np.hstack(blocks)
    return (basis @ coefficients[:-1]).T, coefficients[-1]


def _fit_block(x: Floats, y: Floats, *, spread: Floats, penalty: Floats) -> Floats:
    """Coefficients [d + 1, F] for a few findings together; `x` has orthogonal columns and a last one of ones."""
    rate = np.nanmean(y, axis=0)
    coefficients = np.zeros((x.shape[1], y.shape[1]))
    coefficients[-1] = np.log(rate / (1 - rate))
    known = ~np.isnan(y)
    target = np.where(known, y, 0.0).astype(np.float32)
    single = x.astype(np.float32)
    active = np.arange(y.shape[1])
    for _ in range(MOST_STEPS):
        current = coefficients[:, active]
        logit = x @ current
        probability = expit(logit)
        gradient = x.T @ ((probability - target) * known) + penalty * current
        curvature = (probability * (1 - probability) * known).astype(np.float32)
        diagonal = curvature.mean(axis=0, dtype=np.float64) * spread + penalty + 1e-9  # of the Hessian, nearly
        moving = (np.abs(gradient) / np.sqrt(diagonal)).max(axis=0) > TOLERANCE
        if not moving.any():
            break
        active, target, known = active[moving], target[:, moving], known[:, moving]
        gradient, logit = gradient[:, moving], logit[:, moving]
        step = _newton_step(single, curvature[:, moving], gradient, diagonal[:, moving], penalty)
        slope = (gradient * step).sum(axis=0)
        bend = (penalty * step**2).sum(axis=0), (penalty * current[:, moving] * step).sum(axis=0)
        coefficients[:, active] += step * _lengths(
            logit.astype(np.float32), single @ step.astype(np.float32), target, known, slope, bend
        )
    return coefficients


def _newton_step(x: Singles, curvature: Singles, gradient: Floats, diagonal: Floats, penalty: Floats) -> Floats:
    """Solve Hessian * step = -gradient for each column [d + 1, F] by preconditioned conjugate gradients, roughly."""
    step = np.zeros_like(gradient)
    residual = -gradient
    direction = residual / diagonal
    product = (residual * direction).sum(axis=0)
    goal = FORCING**2 * product
    for _ in range(len(gradient)):
        bent = x.T @ (curvature * (x @ direction.astype(np.float32))) + penalty * direction
        length = np.where(product > goal, product / np.maximum((direction * bent).sum(axis=0), 1e-300), 0.0)
        step += length * direction
        residual -= length * bent
        preconditioned = residual / diagonal
        previous, product = product, np.where(length > 0, (residual * preconditioned).sum(axis=0), product)
        if (product <= goal).all():
            break
        direction = preconditioned + product / np.maximum(previous, 1e-300) * direction
    return step


def _lengths(
    logit: Singles, change: Singles, target: Singles, known: NDArray[np.bool_], slope: Floats, bend: tuple
) -> Floats:
    """Halve each column's Newton step until the objective falls as it should (Armijo); [F]."""
    lengths, before = np.ones(len(slope)), _softplus(logit)

    def rise() -> Floats:
        moved = logit + lengths.astype(np.float32) * change
        cost = (_softplus(moved) - before - target * (moved - logit)) * known
        return cost.sum(axis=0, dtype=np.float64) + lengths * bend[1] + 0.5 * lengths**2 * bend[0]

    for _ in range(30):
        far = rise() > 1e-4 * lengths * slope + 1e-4  # slack for rounding, far below what data tell
        if not far.any():
            break
        lengths[far] /= 2
    return lengths


def _softplus(logit: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(-np.abs(logit))) + np.maximum(logit, 0)


def subsample_patients(patient_ids: ArrayLike, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Which rows belong to the first `fraction` of the patients in a seeded order: bool [N].

    Nested (the patients of 3 % are among those of 10 %) and independent of the order of the rows; at least one patient.
    """
    patients, codes = np.unique(np.asarray(patient_ids, dtype=str), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(patients))
    kept = np.zeros(len(patients), dtype=bool)
    kept[order[: max(1, round(fraction * len(patients)))]] = True
    return kept[codes]
