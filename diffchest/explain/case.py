"""What is said of one radiograph: its score of each finding before, asked for and seen, and what else changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.special import expit

from diffchest.compute.parts import Parts
from diffchest.contracts.explained import Explained
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.explainer import Explainer
from diffchest.errors import DataError
from diffchest.explain.radiograph import Radiograph
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.counterfactuals import ExplainParams, Towards

MOST_OTHERS = 10


@dataclass(frozen=True)
class Score:
    """What the head says of a finding."""

    probability: float
    logit: float

    @classmethod
    def of(cls, logit: float) -> "Score":
        """The score with this logit."""
        return cls(probability=float(expit(np.float64(logit))), logit=float(logit))


@dataclass(frozen=True)
class Other:
    """Another finding's score before and in the picture, and the change of its logit in its SD."""

    finding: str
    before: Score
    seen: Score
    change_sd: float


@dataclass(frozen=True)
class Case:
    """One radiograph moved towards presence or absence of one finding.

    * step: how far z was moved; scale: by how much the change was scaled afterwards (`explain.corrections`)
    * before: of what the change is added to; asked: of the moved z; seen: of the picture as shown, encoded again
    * logit_sd: standard deviation of the finding's logit among the fine-tuning radiographs; seen_sd: the change that
      the picture shows, in this unit
    * threshold: the logit above which as many of them lie as have the finding: the head sees it from there on
    * already: whether there was nothing to move to: towards presence the head sees it before, towards absence it does
      not
    * rose, fell: the (at most `MOST_OTHERS`) other findings that rose most, and those that fell most, in SD each of
      its own logit; others_mean_sd: the mean absolute change of all others
    """

    finding: str
    step: float
    scale: float
    before: Score
    asked: Score
    seen: Score
    logit_sd: float
    seen_sd: float
    threshold: float
    already: bool
    rose: list[Other]
    fell: list[Other]
    others_mean_sd: float


def explain_one(
    radiograph: Radiograph,
    findings: Sequence[str],
    *,
    model: DiffusionAutoencoder,
    head: Head,
    moves: Moves,
    settings: ExplainParams,
) -> Explained:
    """Move one radiograph towards (or away from) each of `findings`, and draw it."""
    with TemporaryDirectory() as folder:  # an interrupted run of seconds is not taken up again
        explainer = Explainer(model, head, moves, settings, Parts(Path(folder)))
        explained = explainer.explain([radiograph.name], radiograph.square[None], list(findings), reconstruct=False)
    if explained is None:
        raise DataError("one radiograph is explained by one process; run the command without torchrun")
    return explained


def cases_of(explained: Explained, head: Head, moves: Moves, *, towards: Towards) -> list[Case]:
    """What the counterfactuals of a single radiograph say, a case for each target."""
    spread = moves.logit_spread(head)[explained.findings].to_numpy()
    columns = explained.columns(explained.targets)
    return [_case(explained, target, int(own), spread, moves, towards) for target, own in enumerate(columns)]


def _case(explained: Explained, target: int, own: int, spread: np.ndarray, moves: Moves, towards: Towards) -> Case:
    before, seen = explained.logits_before[0], explained.logits_after[0, target]
    change = (seen - before).astype(np.float64) / spread
    others = np.array([column for column in np.argsort(-change, kind="stable") if column != own], dtype=int)

    def those(columns: np.ndarray) -> list[Other]:
        return [
            Other(explained.findings[column], Score.of(before[column]), Score.of(seen[column]), float(change[column]))
            for column in columns[:MOST_OTHERS]
        ]

    finding = explained.targets[target]
    threshold = float(moves.thresholds()[finding])
    return Case(
        finding=finding,
        step=float(explained.step[0, target]),
        scale=float(explained.scale[0, target]),
        before=Score.of(before[own]),
        asked=Score.of(explained.logits_wanted[0, target, own]),
        seen=Score.of(seen[own]),
        logit_sd=float(spread[own]),
        seen_sd=float(change[own]),
        threshold=threshold,
        already=bool((before[own] >= threshold) == (towards == "presence")),
        rose=those(others[change[others] > 0]),
        fell=those(others[change[others] < 0][::-1]),
        others_mean_sd=float(np.abs(change[others]).mean()) if len(others) else 0.0,
    )
