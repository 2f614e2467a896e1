"""L2 logistic regression of many findings at once, to its optimum."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.model_selection import GroupKFold

Floats = NDArray[np.float64]
Singles = np.ndarray  # float32
BLOCK = 64  # findings fitted together: their logits stay in the processor's cache
TOLERANCE = 1e-7  # largest gradient at the optimum, in standard errors of a coefficient
FORCING = 0.1  # how far conjugate gradients reduce the residual of a Newton step
MOST_STEPS = 100  # reached only where there is no optimum: separable classes without a penalty


def fit_logistic(x: Floats, y: Floats, *, l2: float | Floats) -> tuple[Floats, Floats]:
    """Weights [F, d] and biases [F] of F independent logistic regressions; NaN where a finding lacks a class.

    x [N, d]; y [N, F]: 1, 0 or NaN (row left out for that finding). Minimises, per finding, sum of cross-entropies +
    l2/2 |w|^2, the bias not penalised: scikit-learn's `LogisticRegression(C=1/l2)`. `l2`: one penalty, or [F].
    Newton's method, each step solved by conjugate gradients (Lin et
    al. 2008): in the eigenbasis of x'x the Hessian is nearly diagonal, so a few products with `x` do. They are float32,
    twice as fast; the gradient is float64, so that the optimum, unlike the way to it, does not depend on rounding.
    """
    weight, bias = np.full((y.shape[1], x.shape[1]), np.nan), np.full(y.shape[1], np.nan)
    fitted = np.flatnonzero((y == 1).any(axis=0) & (y == 0).any(axis=0))
    eigenvalues, basis = np.linalg.eigh(x.T @ x)
    rotated = np.hstack([x @ basis, np.ones((len(x), 1))])
    spread = np.append(np.maximum(eigenvalues, 0.0), len(x))[:, None]  # [d + 1, 1]
    penalty = np.outer(np.append(np.ones(x.shape[1]), 0.0), np.broadcast_to(l2, y.shape[1]))  # [d + 1, F]
    for start in range(0, len(fitted), BLOCK):
        block = fitted[start : start + BLOCK]
        coefficients = _fit_block(rotated, y[:, block], spread=spread, penalty=penalty[:, block])
        weight[block], bias[block] = (basis @ coefficients[:-1]).T, coefficients[-1]
    return weight, bias


def choose_l2(x: Floats, y: Floats, groups: ArrayLike, *, grid: Sequence[float], folds: int, seed: int) -> Floats:
    """The penalty of `grid` with the least held-out cross-entropy, for each finding: [F].

    x [N, d], y [N, F] as in `fit_logistic`. Cross-validation by group (patient), so that no patient is in the training
    and the held-out part of a fold. A fold whose training part lacks a class of a finding does not count for it; where
    that is every fold, the largest penalty is chosen. Raises `ValueError` for fewer groups than folds.
    """
    loss = np.zeros((len(grid), y.shape[1]))
    rows = np.zeros(y.shape[1])
    split = GroupKFold(folds, shuffle=True, random_state=seed).split(x, groups=np.asarray(groups))
    for train, held_out in split:
        truth = y[held_out]
        for number, l2 in enumerate(grid):
            weight, bias = fit_logistic(x[train], y[train], l2=l2)
            logit = x[held_out] @ weight.T + bias
            loss[number] += np.nansum(_softplus(logit) - truth * logit, axis=0)
        rows += (~np.isnan(truth) & ~np.isnan(bias)).sum(axis=0)
    loss[:, rows == 0] = -np.asarray(grid, dtype=np.float64)[:, None]
    return np.asarray(grid, dtype=np.float64)[loss.argmin(axis=0)]


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
        gradient = x.T @ ((probability - target) * known) + penalty[:, active] * current
        curvature = (probability * (1 - probability) * known).astype(np.float32)
        diagonal = (
            curvature.mean(axis=0, dtype=np.float64) * spread + penalty[:, active] + 1e-9
        )  # of the Hessian, nearly
        moving = (np.abs(gradient) / np.sqrt(diagonal)).max(axis=0) > TOLERANCE
        if not moving.any():
            break
        active, target, known = active[moving], target[:, moving], known[:, moving]
        gradient, logit = gradient[:, moving], logit[:, moving]
        ridge = penalty[:, active]
        step = _newton_step(single, curvature[:, moving], gradient, diagonal[:, moving], ridge)
        slope = (gradient * step).sum(axis=0)
        bend = (ridge * step**2).sum(axis=0), (ridge * current[:, moving] * step).sum(axis=0)
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
