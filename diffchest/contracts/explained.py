"""Counterfactuals of radiographs as the explain stage keeps them: pictures, and what the head says of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diffchest.files.whole import whole

NAMES = ("image_id", "targets")  # of what is kept: text, not arrays


class Kept:
    """A dataclass of arrays, and of the names `NAMES`, that the figures read from a file."""

    def save(self, path: Path) -> None:
        """Write all fields as one `.npz`; equal content gives equal bytes."""
        text: dict[str, Any] = {name: np.array(getattr(self, name), dtype=str) for name in NAMES}
        with whole(path) as partial:
            np.savez_compressed(partial, **vars(self) | text)


@dataclass(frozen=True)
class Explanation(Kept):
    """Counterfactuals of P radiographs towards T targets; pictures are uint8, logits the head's for the target.

    * original, reconstruction [P, H, W]; counterfactual [P, T, H, W]; x_T float16 [P, H, W] (the first channel)
    * step [P, T]: how far z was moved; logit_z [P, T]: of the radiograph itself; logit_wanted [P, T]: of the moved z
    * logit_before, logit_after [P, T]: of the re-encoded reconstruction and counterfactual
    * own_change, off_target [P, T]: between these two pictures, in standard deviations of each logit among the
      fine-tuning radiographs: the change of the target's, and the mean absolute change of the other findings'
    """

    image_id: list[str]
    targets: list[str]
    original: np.ndarray
    reconstruction: np.ndarray
    counterfactual: np.ndarray
    x_T: np.ndarray  # noqa: N815 - the field's own symbol
    step: np.ndarray
    logit_z: np.ndarray
    logit_wanted: np.ndarray
    logit_before: np.ndarray
    logit_after: np.ndarray
    own_change: np.ndarray
    off_target: np.ndarray

    def sample(self, number: int, *, seed: int) -> "Explanation":
        """The part of `number` radiographs drawn by seed, in the same order; all where there are fewer."""
        rows = np.sort(np.random.default_rng(seed).permutation(len(self.image_id))[:number])
        arrays: dict[str, Any] = {name: value[rows] for name, value in vars(self).items() if name not in NAMES}
        return Explanation(image_id=[self.image_id[row] for row in rows], targets=self.targets, **arrays)


@dataclass(frozen=True)
class Sweep(Kept):
    """One radiograph moved towards T targets in S steps.

    counterfactual uint8 [T, S, H, W]; scale [S]: multiples of the step of an `Explanation`; step [T, S]; logit [T, S]:
    the head's for the target in the re-encoded picture.
    """

    image_id: list[str]
    targets: list[str]
    counterfactual: np.ndarray
    scale: np.ndarray
    step: np.ndarray
    logit: np.ndarray


MACRO = "(mean of the targets)"


@dataclass(frozen=True)
class Failures(Kept):
    """The counterfactual of each target that falls shortest of the change asked for, [T] of each.

    original, reconstruction, counterfactual uint8 [T, H, W]; step, logit_wanted, logit_before, logit_after [T] as in
    `Explanation`; reached [T] as in `counterfactual_table`; number [T]: moved radiographs that it is the worst of.
    """

    image_id: list[str]
    targets: list[str]
    original: np.ndarray
    reconstruction: np.ndarray
    counterfactual: np.ndarray
    step: np.ndarray
    logit_wanted: np.ndarray
    logit_before: np.ndarray
    logit_after: np.ndarray
    reached: np.ndarray
    number: np.ndarray
