"""What a classifier is tried on before it is audited, and a row of what came out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from diffchest.classifiers import agreement
from diffchest.contracts.classifier import Classifier, known_outputs

ALL = "(all)"  # in place of an output: the classifier as a whole


@dataclass(frozen=True)
class Bounds:
    """What the gates ask for; AUCs and R^2 at least, differences at most.

    * positives: with fewer, or fewer negatives, an output is left out
    * auc_originals: of each output; mean_auc: of all together; auc_other: of an output for another finding, where
      the names may be swapped; auc_loss: at most lost at the generator's size, and in
      reconstructions
    * spread: smallest SD of a logit over the pictures; same: largest difference of a logit that is the same
    * latents_r2: of logits on z; folds: of patients
    """

    positives: int = 5
    auc_originals: float = 0.65
    mean_auc: float = 0.6
    auc_other: float = 0.75
    auc_loss: float = 0.1
    spread: float = 1e-3
    same: float = 1e-3
    latents_r2: float = 0.2
    folds: int = 5


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a classifier is tried on.

    * pictures: uint8 [N, S, S] at the resolution that there is; size: of the generator, px
    * labels: of `findings`, float [N, F]: 1, 0, NaN; None: there are none, and no gate asks for them; patients: [N]
    * reconstructions: of the same pictures uint8 [N, R, R]; z: their latents [N, d]; either may be None
    """

    pictures: np.ndarray
    size: int
    findings: Sequence[str]
    labels: np.ndarray | None
    patients: Sequence[str] | np.ndarray
    reconstructions: np.ndarray | None = None
    z: np.ndarray | None = None


@dataclass(frozen=True)
class Row:
    """What one gate found of one output (or of `ALL`), and what to do where it did not pass."""

    output: str
    gate: str
    value: float
    bound: float
    passed: bool
    hard: bool
    remedy: str


class Trial:
    """One classifier, called `name`, with its evidence; `DataError` where none of its outputs is a finding.

    * known: the K outputs that are findings; logits, labels: [N, K]
    * smaller: radiographs in the smaller class [K]; judged: whether they are enough; auc: NaN where they are not
    """

    def __init__(self, classifier: Classifier, name: str, evidence: Evidence, bounds: Bounds) -> None:
        self.classifier, self.evidence, self.bounds = classifier, evidence, bounds
        self.known = known_outputs(classifier.outputs, evidence.findings, source=name)
        self.columns = [classifier.outputs.index(output) for output in self.known]
        self.logits = self.score(evidence.pictures)
        ours = list(evidence.findings)
        labels = np.full((len(self.logits), len(ours)), np.nan) if evidence.labels is None else evidence.labels
        self.labels = labels[:, [ours.index(output) for output in self.known]]
        self.smaller = np.minimum((self.labels == 1).sum(axis=0), (self.labels == 0).sum(axis=0))
        self.judged = self.smaller >= bounds.positives
        self.auc = self.aucs(self.logits)

    def score(self, pictures: np.ndarray) -> np.ndarray:
        """Logits of the known outputs."""
        return self.classifier.logits(pictures)[:, self.columns]

    def aucs(self, logits: np.ndarray) -> np.ndarray:
        """AUC [K] of logits [N, K]; NaN for an output that cannot be judged."""
        return np.where(self.judged, agreement.aucs(self.labels, logits), np.nan)

    def rows(
        self,
        gate: str,
        values: np.ndarray,
        bound: float,
        passed: np.ndarray,
        remedy: str | Callable[[int], str],
        *,
        hard: bool,
    ) -> Iterator[Row]:
        """A row per output."""
        for number, output in enumerate(self.known):
            text = remedy if isinstance(remedy, str) else remedy(number)
            yield Row(output, gate, float(values[number]), bound, bool(passed[number]), hard, text)
