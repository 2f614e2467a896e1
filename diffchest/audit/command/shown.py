"""The pictures of an audit's page: what the strongest responses are responses to."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from diffchest.audit.command.answers import Answers
from diffchest.audit.reactions import picture_changes
from diffchest.explain.pictures import coloured, png
from diffchest.figures.style import difference_limit, signed_difference

MOST = 12  # findings shown


@dataclass(frozen=True)
class Shown:
    """One finding in one radiograph: PNG files, and what the score that responds most strongly to it does.

    change: of that score in this picture, SD, with its sign turned where the finding was taken out (`taken_out`);
    limit: the change with the fullest colour, % of the gray range; image: which radiograph.
    """

    target: str
    finding: str
    image: str
    taken_out: bool
    change: float
    mean: float
    original: bytes
    picture: bytes
    difference: bytes
    limit: float


def strongest(answers: Answers) -> list[Shown]:
    """For each finding that a score responds to, the strongest first, a radiograph that is like most of them.

    Of those in which the finding was put in (if any) the one whose change is nearest to their median.
    """
    table = answers.pairs
    responding = table[(table["responds"] != "") & table["picture"].notna()].drop_duplicates("confounder")
    changes = picture_changes(answers.classified, answers.drawn)
    return [_shown(answers, row, changes) for _, row in responding.head(MOST).iterrows()]


def _shown(answers: Answers, row: pd.Series, changes: np.ndarray) -> Shown:
    drawn = answers.drawn
    finding, target = drawn.findings.index(row["confounder"]), answers.outputs.index(row["target"])
    there = drawn.present[:, finding]
    rows = np.flatnonzero(there if there.all() else ~there)
    change = changes[rows, finding, target]
    chosen = rows[np.abs(change - np.median(change)).argmin()]
    before, after = drawn.base[chosen], drawn.picture[chosen, finding]
    difference = signed_difference(after, before)
    limit = difference_limit(difference)
    return Shown(
        target=str(row["target"]),
        finding=str(row["confounder"]),
        image=drawn.image_id[chosen],
        taken_out=bool(there[chosen]),
        change=float(changes[chosen, finding, target]),
        mean=float(row["picture"]),
        original=png(before, generated=False),
        picture=png(after, generated=True),
        difference=png(coloured(difference, limit), generated=True),
        limit=limit,
    )
