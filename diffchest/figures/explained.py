"""What the explanation figures share: reading the counterfactuals, and the words of their captions."""

from pathlib import Path

import numpy as np

from diffchest import paths
from diffchest.contracts.explained import Explained
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


def read_explained(path: Path = paths.SHOWN) -> Explained:
    """Read what `draw_explanations` wrote; `NothingToDrawError` when it holds no counterfactual."""
    explained = Explained.load(path)
    if not explained.counterfactual.size:
        raise NothingToDrawError(f"{path} holds no counterfactual: the test set has too few positives of every finding")
    return explained


def score(explained: Explained, row: int, target: int) -> str:
    """The head's probability of one counterfactual's target, before and after, for a caption."""
    return scores(explained.before[row, target], explained.after[row, target])


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
