"""A classifier's raw scores to log-odds: logits, probabilities, a softmax, probabilities bent at operating points."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import logit, logsumexp

from diffchest.errors import DataError
from diffchest.params.classifiers import OutputKind
from diffchest.progress import notice

LEAST = 1e-6  # probabilities are clipped to LEAST..1 - LEAST: log-odds of 13.8 at most
SUM_TOLERANCE = 0.01  # of probabilities that a softmax made, in float16 too


@dataclass(frozen=True)
class Outputs:
    """What the scores [N, M] of a classifier are; `names` [M], None for one that is left out.

    * findings: by name, what the output is called here; thresholds: by name, on the scale of the scores
    * operating_points: by name, where probabilities were bent there (`unbend`)
    """

    kind: OutputKind
    names: tuple[str | None, ...]
    findings: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    operating_points: Mapping[str, float] | None = None

    @property
    def kept(self) -> np.ndarray:
        """Columns of the outputs that have a name, int64 [K]."""
        return np.flatnonzero([name is not None for name in self.names])

    @property
    def called(self) -> list[str]:
        """The names of the kept outputs here [K]."""
        return [self.findings.get(name, name) for name in self.names if name is not None]

    def points(self) -> np.ndarray:
        """Operating points of the kept outputs [K]."""
        points = self.operating_points or {}
        return np.array([points[name] for name in self.names if name is not None])

    def threshold_logits(self) -> dict[str, float]:
        """Thresholds as log-odds, by the names here."""
        found = {}
        for name, value in self.thresholds.items():
            score = np.array([[value]])
            if self.kind == "logit":
                out = score
            else:
                if not 0 < value < 1:
                    raise DataError(
                        f"thresholds.{name} is {value}, but the output is {self.kind}: give a probability between 0 "
                        "and 1"
                    )
                point = (self.operating_points or {}).get(name)
                out = logit(score if point is None else unbend(score, np.array([point])))
            found[self.findings.get(name, name)] = float(out[0, 0])
        return found


def to_logits(scores: np.ndarray, outputs: Outputs, *, source: str) -> tuple[np.ndarray, int]:
    """Log-odds float32 [N, K] of raw scores [N, M], and how many probabilities were clipped for it.

    Softmax: log p - log(1 - p), of each output against all others. NaN stays NaN. Raises `DataError` for scores that
    cannot be what the descriptor says: probabilities outside 0..1, a softmax that does not sum to 1.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if outputs.kind == "logit":
        return scores[:, outputs.kept].astype(np.float32), 0
    if outputs.kind == "softmax_logit":
        return _against_all_others(scores)[:, outputs.kept].astype(np.float32), 0
    _check_probabilities(scores, outputs, source)
    p = scores[:, outputs.kept]
    if outputs.operating_points is not None:
        p = unbend(p, outputs.points())
    clipped = np.clip(p, LEAST, 1 - LEAST)
    return logit(clipped).astype(np.float32), int((clipped != p)[np.isfinite(p)].sum())


def unbend(bent: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Probabilities [N, K] out of those that were bent so that each operating point [K] became 0.5.

    torchxrayvision puts out p / (2 t) below the operating point t, and 1 - (1 - p) / (2 (1 - t)) above it (Cohen et
    al. 2022): the log-odds of that have a kink at t, and differences of them no meaning.
    """
    return np.where(bent < 0.5, 2 * points * bent, 1 - 2 * (1 - points) * (1 - bent))


def tell_clipping(count: int, total: int, *, source: str) -> None:
    """Say that probabilities were too near 0 or 1 for log-odds, if some were."""
    if count:
        notice(
            f"{source}: {count} of {total} probabilities are nearer to 0 or 1 than {LEAST:g} and count as that; "
            "effects on them are too small. Put out logits instead, if you can"
        )


def _against_all_others(scores: np.ndarray) -> np.ndarray:
    """x_k - log sum of exp(x_j) over j other than k: the log-odds of a softmax, without its rounding."""
    if scores.shape[1] < 2:
        raise DataError("a softmax of one output is always 1; set `output: logit` if it is a logit")
    others = [logsumexp(np.delete(scores, k, axis=1), axis=1) for k in range(scores.shape[1])]
    return scores - np.stack(others, axis=1)


def _check_probabilities(scores: np.ndarray, outputs: Outputs, source: str) -> None:
    finite = scores[np.isfinite(scores)]
    if finite.size and (finite.min() < -LEAST or finite.max() > 1 + LEAST):
        raise DataError(
            f"{source}: scores from {finite.min():.4g} to {finite.max():.4g} are no probabilities, but `output` is "
            f"{outputs.kind}; set `output: logit` or softmax_logit if they are logits"
        )
    if outputs.kind == "softmax":
        sums = scores.sum(axis=1)
        off = np.abs(sums[np.isfinite(sums)] - 1)
        if off.size and off.max() > SUM_TOLERANCE:
            raise DataError(
                f"{source}: its outputs do not sum to 1 (off by {off.max():.3g}), but `output` is softmax; set "
                "`output: probability` if labels may occur together, or softmax_logit if no softmax was applied"
            )
