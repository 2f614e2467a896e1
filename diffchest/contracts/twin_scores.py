"""What one classifier says of true twins: the truth of its responses, for judging alone."""

from dataclasses import dataclass

import numpy as np

from diffchest.contracts.array_file import ArrayFile, columns_of


@dataclass(frozen=True, eq=False)
class TwinScores(ArrayFile):
    """Logits of K outputs for P radiographs and the M true twins that there are; nothing that explains reads it.

    * outputs [K], image_id [P], findings [F]; present bool [P, F]: the radiograph has the finding, its twin not
    * logits_original [P, K]; twin_id [M]: `image|finding|placement`, see `contracts.twins`; logits_twin [M, K]
    """

    STAGE = "score_classifier"
    VERSION = 1

    outputs: list[str]
    image_id: list[str]
    findings: list[str]
    present: np.ndarray
    logits_original: np.ndarray
    twin_id: list[str]
    logits_twin: np.ndarray

    def columns(self, names: list[str]) -> np.ndarray:
        """Where `names` are among the outputs; `DataError` for one that is not."""
        return columns_of(names, self.outputs, stage=self.STAGE)
