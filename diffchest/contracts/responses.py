"""The pictures of the confounder audit as they are drawn and kept, and what the classifier says of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from diffchest.contracts.array_file import ArrayFile, columns_of


@dataclass(frozen=True, eq=False)
class Responses(ArrayFile):
    """P radiographs moved towards each of T targets and, as far, in R random directions.

    Logits of F findings, outputs of one classifier, in pictures that were decoded: logits_before [P, F] where nothing
    moved, logits_after [P, T, F] towards each target, logits_random [P, R, F]. direct [P, T, F]: by how much their
    regression on z changes with the move, nothing drawn. Pictures, uint8: reconstruction [P, H, W], counterfactual
    [P, T, H, W]. `before` and `after` are the probabilities.
    """

    STAGE = "draw_audit"
    VERSION = 2

    image_id: list[str]
    targets: list[str]
    findings: list[str]
    logits_before: np.ndarray
    logits_after: np.ndarray
    logits_random: np.ndarray
    direct: np.ndarray
    reconstruction: np.ndarray
    counterfactual: np.ndarray

    @property
    def before(self) -> np.ndarray:
        """See the class."""
        return expit(self.logits_before)

    @property
    def after(self) -> np.ndarray:
        """See the class."""
        return expit(self.logits_after)

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """Where `names` are among `findings`; `DataError` for one that is not."""
        return columns_of(names, self.findings, stage=self.STAGE)

    def of(self, findings: Sequence[str]) -> "Responses":
        """The logits of these findings alone, in that order; `DataError` for one that is not there."""
        columns = self.columns(findings)
        logits = {name: getattr(self, name)[..., columns] for name in
                  ("logits_before", "logits_after", "logits_random", "direct")}  # fmt: skip
        return replace(self, findings=list(findings), **logits)
