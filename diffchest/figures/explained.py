"""The counterfactuals that the explanation figures show."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from diffchest import paths
from diffchest.figures.inputs import read_arrays
from diffchest.figures.style import NothingToDrawError
from diffchest.params.counterfactuals import MoveParams

STEP_UNITS = {
    "typical": "mean difference of radiographs called so from the others",
    "plausible": "SD of the logit",
    "eq4": "(y − p) w",
    "eq5": "w",
    "unit": "SD per dimension of z",
}
RE_ENCODED = "numbers: the head's probability, reconstruction → counterfactual, both re-encoded"


@dataclass(frozen=True)
class Explained:
    """P radiographs and their counterfactuals towards T targets.

    original, reconstruction uint8 [P, H, W]; counterfactual uint8 [P, T, H, W]; x_T float [P, H, W]; step [P, T];
    probabilities of the target [P, T] in the re-encoded reconstruction (before) and counterfactual (after).
    """

    image_id: list[str]
    targets: list[str]
    original: np.ndarray
    reconstruction: np.ndarray
    counterfactual: np.ndarray
    x_T: np.ndarray  # noqa: N815 - the paper's symbol
    step: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def score(self, row: int, target: int) -> str:
        """The head's probability before and after, for a caption."""
        return scores(self.before[row, target], self.after[row, target])


def scores(before: float, after: float) -> str:
    """The head's probability in two pictures, for a caption."""
    return f"{before:.2f} → {after:.2f}"


def describe_move(settings: MoveParams, step: np.ndarray) -> str:
    """How far z was moved, for a caption; step: all steps of the figure."""
    if settings.to_probability is None:
        length = f"by {settings.step:g} {STEP_UNITS[settings.edit]}"
    else:
        steps = f"{step.min():.2g} to {step.max():.2g} {STEP_UNITS[settings.edit]}"
        length = f"until the score of z is {settings.to_probability:g}, by {steps}"
    return f"z moved {direction(settings)} the finding {length} ({settings.edit})"


def direction(settings: MoveParams) -> str:
    """Towards or away from: for titles and captions."""
    return "towards" if settings.towards == "presence" else "away from"


def first_of(shown: int, there: int, what: str) -> str:
    """What a figure leaves out, for its caption; nothing where it shows all."""
    return f"; the first {shown} of {there} {what}" if shown < there else ""


def read_explained(path: Path = paths.COUNTERFACTUALS) -> Explained:
    """Read what `explain` wrote; `NothingToDrawError` when it holds no radiograph."""
    arrays = read_arrays(path, stage="explain")
    if not arrays["counterfactual"].size:
        raise NothingToDrawError(f"{path} holds no counterfactual: the test set has too few positives of every finding")
    return Explained(
        image_id=arrays["image_id"].tolist(),
        targets=arrays["targets"].tolist(),
        original=arrays["original"],
        reconstruction=arrays["reconstruction"],
        counterfactual=arrays["counterfactual"],
        x_T=arrays["x_T"].astype(np.float32),
        step=arrays["step"],
        before=expit(arrays["logit_before"].astype(np.float64)),
        after=expit(arrays["logit_after"].astype(np.float64)),
    )
