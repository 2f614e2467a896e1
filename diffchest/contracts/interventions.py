"""Radiographs in which one finding at a time was put in or taken out, all else held, as they are drawn and kept."""

from dataclasses import dataclass

import numpy as np

from diffchest.contracts.array_file import ArrayFile


@dataclass(frozen=True, eq=False)
class Interventions(ArrayFile):
    """P radiographs, each of F findings changed in each of them, and R moves in random directions; any classifier's.

    * image_id [P], findings [F]
    * present bool [P, F]: the radiograph has the finding, which is then taken out; where not, it is put in
    * original uint8 [P, H, W]; base [P, H, W]: what is changed, the original, or its reconstruction where pictures are
      decoded; picture uint8 [P, F, H, W], random uint8 [P, R, H, W]
    """

    STAGE = "draw_interventions"
    VERSION = 3

    image_id: list[str]
    findings: list[str]
    present: np.ndarray
    original: np.ndarray
    base: np.ndarray
    picture: np.ndarray
    random: np.ndarray

    @property
    def sign(self) -> np.ndarray:
        """1 where the finding was put in, -1 where it was taken out: [P, F]."""
        return np.where(self.present, -1.0, 1.0)
