"""What the explanation figures share: counterfactuals and their true twins, and the words of their captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.doubtful_heads import DoubtfulHeads
from diffchest.contracts.explained import Explained, Failures
from diffchest.contracts.twins import Twins
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import NothingToDrawError
from diffchest.findings.disease_free import normal_finding
from diffchest.params.counterfactuals import MoveParams, PictureKindParams

STEP_UNITS = {
    "alone": "× the difference from without to with, all other findings held",
    "typical": "mean difference of radiographs called so from the others",
    "plausible": "SD of the logit",
    "eq4": "(y − p) w",
    "eq5": "w",
    "unit": "SD per dimension of z",
}
RE_ENCODED = "numbers: the head's probability, reconstruction → counterfactual, both re-encoded"
OF_THE_RADIOGRAPH = "numbers: the head's probability, radiograph → counterfactual"
TWIN = (
    "true twin: the same phantom drawn {} the finding; of several placements the nearest, by the cosine of the changes"
)


def read_explained(path: Path = paths.SHOWN) -> Explained:
    """Read what `draw_explanations` wrote; `NothingToDrawError` when it holds no counterfactual."""
    explained = Explained.load(path)
    if not explained.counterfactual.size:
        raise NothingToDrawError(f"{path} holds no counterfactual: the test set has too few positives of every finding")
    return explained


def moved_from(explained: Explained | Failures, drawn: PictureKindParams) -> np.ndarray:
    """The pictures, uint8 [N, H, W], whose change the counterfactuals are."""
    return explained.original if drawn.changes_the_original else explained.reconstruction


def start_name(drawn: PictureKindParams) -> str:
    """What `moved_from` gives, for titles."""
    return "radiograph" if drawn.changes_the_original else "reconstruction"


@dataclass(frozen=True)
class Twin:
    """The true twin that is nearest to a counterfactual: picture uint8 [H, W]; cosine of their changes."""

    picture: np.ndarray
    cosine: float


class TwinsBeside:
    """True twins of the counterfactuals that a figure shows; there are none of real radiographs."""

    def __init__(self, params: FigureParams) -> None:
        """Read the twins with a finding more or, towards absence, less."""
        self._twins = Twins.load(paths.TWINS)
        self._where = self._twins.rows(added=params.move.towards == "presence")

    def of(self, image_id: str, target: str, original: np.ndarray, picture: np.ndarray) -> Twin | None:
        """The twin beside a counterfactual `picture` of the radiograph `original`, uint8 [H, W]; None without one."""
        candidates = self._where.get((image_id, target))
        if not candidates:
            return None
        row, cosine = self._twins.nearest(candidates, original, picture)
        return Twin(self._twins.picture[row], cosine)


def score(explained: Explained, row: int, target: int) -> str:
    """The head's probability of one counterfactual's target, before and after, for a caption."""
    return scores(explained.before[row, target], explained.after[row, target])


def scores(before: float, after: float) -> str:
    """The head's probability in two pictures, for a caption."""
    return f"{before:.2f} → {after:.2f}"


def alike(twin: Twin) -> str:
    """How like its twin a counterfactual is, for a caption."""
    return f"cosine {twin.cosine:.2f}".replace("-", "−")


def describe(params: FigureParams, step: np.ndarray, targets: Sequence[str]) -> str:
    """Of whom and how counterfactuals were made, what their numbers are, and which heads are in doubt, for a caption.

    step: all of the figure; targets: the findings that it shows.
    """
    numbers = OF_THE_RADIOGRAPH if params.drawn.changes_the_original else RE_ENCODED
    made = f"{describe_move(params.move, step)}; {describe_picture(params.drawn)}; {numbers}"
    return f"{describe_start(params)}; {made}{doubts(targets)}"


def doubts(targets: Sequence[str]) -> str:
    """Which of a figure's findings the head may not see, for its caption; nothing where it sees all."""
    said = DoubtfulHeads.among(targets).said
    return f"; {said}" if said else ""


def describe_move(settings: MoveParams, step: np.ndarray) -> str:
    """How far z was moved, for a caption; step: all steps of the figure."""
    if settings.to_probability is None:
        length = f"by {settings.step:g} {STEP_UNITS[settings.edit]}"
    else:
        steps = f"{step.min():.2g} to {step.max():.2g} {STEP_UNITS[settings.edit]}"
        length = f"until the score of z is {settings.to_probability:g}, by {steps}"
    return f"z moved {direction(settings)} the finding {length} ({settings.edit})"


def describe_picture(drawn: PictureKindParams) -> str:
    """How the moved z became a picture, for a caption."""
    if drawn.picture == "difference":
        made = "what that changes in the denoised radiograph is added to the radiograph"
    else:
        made = "decoded from x_T"
    where = ", where the change is large" if drawn.local is not None else ""
    return made + where + (", scaled towards the score asked for" if drawn.corrections else "")


def describe_twin(settings: MoveParams) -> str:
    """What a true twin is, for a caption."""
    return TWIN.format("with" if settings.towards == "presence" else "without")


def direction(settings: MoveParams) -> str:
    """Towards or away from: for titles and captions."""
    return "towards" if settings.towards == "presence" else "away from"


def first_of(shown: int, there: int, what: str) -> str:
    """How many a figure leaves out, for its caption; nothing where it shows all."""
    return f"; the first {shown} of {there} {what}" if shown < there else ""


def rest_of(shown: int, findings: Sequence[str]) -> str:
    """Which findings a figure leaves out, by name, for its caption; nothing where it shows all."""
    return f"; not shown here: {', '.join(findings[shown:])}" if shown < len(findings) else ""


def describe_start(params: FigureParams) -> str:
    """Who the radiographs that are moved are, for a caption: what their labels say, which is not who is healthy."""
    if params.image_ids:
        return "radiographs named in explain.image_ids"
    if params.move.towards == "absence":
        return "test radiographs labelled with the finding"
    normal = normal_finding(list(Dataset.read(params.dataset).labels("test").columns))
    return (
        f"test radiographs labelled {normal} and nothing else"
        if normal
        else "test radiographs labelled with no finding"
    )
