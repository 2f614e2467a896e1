"""What one classifier says of all that an audit shows it, and what of its scores the latents can tell."""

from dataclasses import dataclass

import numpy as np

from diffchest.contracts.array_file import ArrayFile


@dataclass(frozen=True, eq=False)
class Classified(ArrayFile):
    """Logits of a classifier's K outputs that are findings of ours and passed its gates.

    * outputs [K]; threshold [K]: the logit from which on a finding counts as found; NaN where none is known
    * finetune_id [N], logits_finetune [N, K]: of the fine-tuning radiographs, the spread of whose logits is the unit
    * logits_base [P, K], logits_picture [P, F, K], logits_random [P, R, K]: of the pictures of
      `contracts.interventions`
    * weight [K, d], bias [K]: the ridge regression of its logits on z, standardised as the head does, among the
      fine-tuning radiographs; r2 [K]: of that, patients held out
    * auc, auc_low [K]: AUC in test radiographs and the lower limit of its 95 % interval, as the gates found them; NaN
      where labels could not tell
    * classifier_sha256, one: whose scores
    """

    STAGE = "score_classifier"
    VERSION = 4

    outputs: list[str]
    threshold: np.ndarray
    finetune_id: list[str]
    logits_finetune: np.ndarray
    logits_base: np.ndarray
    logits_picture: np.ndarray
    logits_random: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    r2: np.ndarray
    auc: np.ndarray
    auc_low: np.ndarray
    classifier_sha256: list[str]

    @property
    def spread(self) -> np.ndarray:
        """Standard deviation of each logit among the fine-tuning radiographs, [K]."""
        return self.logits_finetune.astype(np.float64).std(axis=0)
