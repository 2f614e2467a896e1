"""Test phantoms drawn again with one finding more or less: the truth that counterfactuals are judged by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diffchest.contracts.array_file import ArrayFile

CHANGED = 2  # gray levels: a pixel that differs by more is changed


@dataclass(frozen=True, eq=False)
class Twins(ArrayFile):
    """M twins of stored radiographs, alike but for one finding; for judging alone, nothing that explains reads them.

    * image_id, finding [M]: the radiograph, and what differs
    * added bool [M]: the twin has the finding and the radiograph does not; False: the other way round
    * placement int64 [M]: which draw of side, place and size; 0 is that of all stored radiographs
    * picture uint8 [M, H, W]; mask bool [M, H, W]: where the finding changes it by more than `CHANGED`, and one pixel
      around
    """

    STAGE = "draw_twins"
    VERSION = 1

    image_id: list[str]
    finding: list[str]
    added: np.ndarray
    placement: np.ndarray
    picture: np.ndarray
    mask: np.ndarray

    @property
    def ids(self) -> list[str]:
        """A name of each twin, `image|finding|placement`: its image id among latents."""
        parts = zip(self.image_id, self.finding, self.placement.tolist(), strict=True)
        return ["|".join(map(str, part)) for part in parts]

    def rows(self, *, added: bool) -> dict[tuple[str, str], list[int]]:
        """Where the twins of each image id and finding are, in order of placement."""
        found: dict[tuple[str, str], list[int]] = {}
        for row in np.flatnonzero(self.added == added).tolist():
            found.setdefault((self.image_id[row], self.finding[row]), []).append(row)
        return found

    def nearest(self, candidates: Sequence[int], original: np.ndarray, picture: np.ndarray) -> tuple[int, float]:
        """Of the twins at `candidates`, at least one, that whose change is most like the change of `picture`.

        original, picture: uint8 [H, W]; a change is that of gray levels from the radiograph `original`. Returns where
        the twin is, and the cosine of the two changes.
        """
        before = original.astype(np.float64)
        cosines = [cosine(picture - before, self.picture[row] - before) for row in candidates]
        place = int(np.argmax(cosines))
        return candidates[place], cosines[place]


def cosine(change: np.ndarray, other: np.ndarray) -> float:
    """Of two arrays of one shape, as vectors; 0 where one of them is 0."""
    lengths = np.sqrt(np.sum(change**2) * np.sum(other**2))
    return float(np.sum(change * other) / lengths) if lengths else 0.0
