"""The counterfactuals that the explanation figures show."""

from dataclasses import dataclass

import numpy as np

from diffchest import paths
from diffchest.figures.inputs import read_arrays
from diffchest.figures.style import NothingToDrawError


@dataclass(frozen=True)
class Explained:
    """P radiographs and their counterfactuals towards T targets.

    original, reconstruction uint8 [P, H, W]; counterfactual uint8 [P, T, H, W]; x_T float [P, H, W]; probabilities of
    the target [P, T] in the re-encoded reconstruction (before) and counterfactual (after).
    """

    image_id: list[str]
    targets: list[str]
    original: np.ndarray
    reconstruction: np.ndarray
    counterfactual: np.ndarray
    x_T: np.ndarray  # noqa: N815 - the paper's symbol
    before: np.ndarray
    after: np.ndarray

    def score(self, row: int, target: int) -> str:
        """The head's probability before and after, for a caption."""
        return f"{self.before[row, target]:.2f} → {self.after[row, target]:.2f}"


def read_explained() -> Explained:
    """Read what `explain` wrote; `NothingToDrawError` when it holds no radiograph."""
    arrays = read_arrays(paths.COUNTERFACTUALS, stage="explain")
    if not arrays["counterfactual"].size:
        raise NothingToDrawError(f"{paths.COUNTERFACTUALS} holds no counterfactual: explain.patients or targets is 0")
    return Explained(
        image_id=arrays["image_id"].tolist(),
        targets=arrays["targets"].tolist(),
        original=arrays["original"],
        reconstruction=arrays["reconstruction"],
        counterfactual=arrays["counterfactual"],
        x_T=arrays["x_T"].astype(np.float32),
        before=_sigmoid(arrays["logit_before"]),
        after=_sigmoid(arrays["logit_after"]),
    )


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * logit.astype(np.float64)))
