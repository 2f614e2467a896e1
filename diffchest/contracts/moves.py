"""How z is moved towards each finding: what the fine-tuning radiographs say, fitted once for all that move z."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from diffchest.contracts.array_file import ArrayFile, columns_of
from diffchest.contracts.head import Head

QUANTILES = (0.5, 0.95, 0.99, 1.0)  # of `distance`


@dataclass(frozen=True, eq=False)
class Moves(ArrayFile):
    """Moves of the F findings that the head was fitted for, from without to with, in the space that it standardises to.

    * alone [F, W, d]: what the finding adds while all others are held, in each of the ways it shows in (sides, places),
      the most frequent first; NaN where there are fewer. share [F, W]: how often it shows in each; 0 where NaN
    * typical [F, d]: how radiographs that the head calls the finding differ from the others, whatever goes with it
    * centre [d], covariance [d, d]: of the latents
    * distance [4]: the `QUANTILES` of how far each radiograph lies from all others, see `counterfactuals.likeness`
    * threshold [F]: the logit above which as many radiographs lie as have the finding
    * trained_on, three: the dataset as it is called, the number of its radiographs, and that of their patients
    * model_sha256, one: whose latents
    """

    STAGE = "fit_moves"
    VERSION = 2

    findings: list[str]
    alone: np.ndarray
    share: np.ndarray
    typical: np.ndarray
    centre: np.ndarray
    covariance: np.ndarray
    distance: np.ndarray
    threshold: np.ndarray
    trained_on: list[str]
    model_sha256: list[str]

    def rows(self, findings: Sequence[str]) -> np.ndarray:
        """Where `findings` are; `DataError` for one that is not there."""
        return columns_of(findings, self.findings, stage=self.STAGE)

    def with_alone(self, findings: Sequence[str]) -> list[str]:
        """Those of `findings` that have a move `alone`: all but the label for "nothing abnormal"."""
        known = np.isfinite(self.alone[self.rows(findings)][:, 0, 0])
        return [finding for finding, there in zip(findings, known, strict=True) if there]

    def thresholds(self) -> pd.Series:
        """`threshold` by finding."""
        return pd.Series(self.threshold, index=self.findings)

    def logit_spread(self, head: Head) -> pd.Series:
        """Standard deviation of the logit of every finding among the latents, by finding."""
        weight = head.weight[head.rows(self.findings)].astype(np.float64)
        return pd.Series(np.sqrt(np.sum(weight @ self.covariance * weight, axis=1)), index=self.findings)
