"""A classifier that no counterfactual was made with: its file, and what it says of a picture."""

from dataclasses import dataclass, replace

import numpy as np

from diffchest.contracts.array_file import ArrayFile


@dataclass(frozen=True, eq=False)
class Witness(ArrayFile):
    """Linear in the pixels: `weight` [F, H * W] and `bias` [F] for gray levels standardised with `mean`, `sd` [H * W].

    All float32. No finding at all (F = 0) where radiographs are not drawn; NaN for a finding that lacked a class.
    """

    STAGE = "fit_witness"
    VERSION = 1

    findings: list[str]
    weight: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    def logits(self, pictures: np.ndarray) -> np.ndarray:
        """Log-odds [N, F] of pictures uint8 [N, H, W]."""
        x = (pictures.reshape(len(pictures), self.mean.size).astype(np.float32) - self.mean) / self.sd
        return x @ self.weight.T + self.bias

    def only(self, finding: str) -> "Witness":
        """The part of one finding."""
        row = self.findings.index(finding)
        return replace(self, findings=[finding], weight=self.weight[row : row + 1], bias=self.bias[row : row + 1])
