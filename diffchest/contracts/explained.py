"""Counterfactuals of radiographs as they are drawn and kept: pictures, and what the head says of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from diffchest.contracts.array_file import ArrayFile, columns_of

MACRO = "(mean of the targets)"  # the target of such rows in counterfactual_quality.csv


@dataclass(frozen=True, eq=False)
class Explained(ArrayFile):
    """Counterfactuals of P radiographs towards T targets; pictures are uint8, F findings those that the head has.

    * original, reconstruction [P, H, W]; counterfactual [P, T, H, W]; x_T float16 [P, H, W] (the first channel);
      where a difference was added to the original and no figure shows it, `reconstruction` is the original, `x_T` 0
    * step [P, T]: how far z was moved; scale [P, T]: by how much the change was scaled (`explain.corrections`)
    * logits_z [P, F]: of the radiograph itself; logits_wanted [P, T, F]: of the moved z
    * logits_before [P, F]: of what the change is added to, the radiograph, or its reconstruction where it was decoded
    * logits_after [P, T, F]: of the re-encoded counterfactual

    `logit_...` [P, T] are those of each target, `before` and `after` [P, T] its probabilities.
    """

    STAGE = "draw_explanations"
    VERSION = 2

    image_id: list[str]
    targets: list[str]
    findings: list[str]
    original: np.ndarray
    reconstruction: np.ndarray
    counterfactual: np.ndarray
    x_T: np.ndarray  # noqa: N815 - the field's own symbol
    step: np.ndarray
    scale: np.ndarray
    logits_z: np.ndarray
    logits_wanted: np.ndarray
    logits_before: np.ndarray
    logits_after: np.ndarray

    @property
    def logit_z(self) -> np.ndarray:
        """See the class."""
        return self.logits_z[:, self.columns(self.targets)]

    @property
    def logit_wanted(self) -> np.ndarray:
        """See the class."""
        return self._own(self.logits_wanted)

    @property
    def logit_before(self) -> np.ndarray:
        """See the class."""
        return self.logits_before[:, self.columns(self.targets)]

    @property
    def logit_after(self) -> np.ndarray:
        """See the class."""
        return self._own(self.logits_after)

    @property
    def before(self) -> np.ndarray:
        """See the class."""
        return expit(self.logit_before.astype(np.float64))

    @property
    def after(self) -> np.ndarray:
        """See the class."""
        return expit(self.logit_after.astype(np.float64))

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """Where `names` are among `findings`; `DataError` for one that is not."""
        return columns_of(names, self.findings, stage=self.STAGE)

    def of(self, targets: Sequence[str]) -> "Explained":
        """The part of those of `targets` that it has, in its own order."""
        columns = [column for column, target in enumerate(self.targets) if target in targets]
        by_target = ("counterfactual", "step", "scale", "logits_wanted", "logits_after")
        arrays = {name: getattr(self, name)[:, columns] for name in by_target}
        return replace(self, targets=[self.targets[column] for column in columns], **arrays)

    def sample(self, number: int, *, seed: int) -> "Explained":
        """The part of `number` radiographs drawn by seed, in the same order; all where there are fewer."""
        rows = np.sort(np.random.default_rng(seed).permutation(len(self.image_id))[:number])
        arrays = {name: value[rows] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, image_id=[self.image_id[row] for row in rows], **arrays)

    def _own(self, logits: np.ndarray) -> np.ndarray:
        """[P, T, F] to [P, T]: what each counterfactual says of its own target."""
        return logits[:, np.arange(len(self.targets)), self.columns(self.targets)]


@dataclass(frozen=True, eq=False)
class Sweep(ArrayFile):
    """One radiograph moved towards T targets in S steps.

    counterfactual uint8 [T, S, H, W]; scale [S]: multiples of the step of `Explained`; step [T, S]; logit [T, S]: the
    head's for the target in the re-encoded picture.
    """

    STAGE = "draw_explanations"
    VERSION = 1

    image_id: list[str]
    targets: list[str]
    counterfactual: np.ndarray
    scale: np.ndarray
    step: np.ndarray
    logit: np.ndarray


@dataclass(frozen=True, eq=False)
class Reconstructions(ArrayFile):
    """N radiographs and what decoding their own z gives: from their own x_T, and from one that was drawn.

    original, reconstruction, redrawn uint8 [N, H, W]; x_T float16 [N, H, W] (the first channel). What `redrawn` and the
    original share z carries; what only the reconstruction has was in x_T.
    """

    STAGE = "draw_explanations"
    VERSION = 2

    image_id: list[str]
    original: np.ndarray
    reconstruction: np.ndarray
    redrawn: np.ndarray
    x_T: np.ndarray  # noqa: N815 - the field's own symbol


@dataclass(frozen=True, eq=False)
class Axioms(ArrayFile):
    """What a sound counterfactual fulfils (Monteiro et al. 2023), of P radiographs and T targets; uint8 pictures.

    original [P, H, W]; returned [P, T, H, W]: moved, and the picture moved back; unmoved [P, N, H, W]: moved by nothing
    again and again.
    """

    STAGE = "draw_explanations"
    VERSION = 1

    image_id: list[str]
    targets: list[str]
    original: np.ndarray
    returned: np.ndarray
    unmoved: np.ndarray


@dataclass(frozen=True, eq=False)
class Failures(ArrayFile):
    """The counterfactual of each target that falls shortest of the change asked for, [T] of each.

    original, reconstruction, counterfactual uint8 [T, H, W]; step, logit_wanted, logit_before, logit_after [T] as in
    `Explained`; reached [T] as in `counterfactuals.csv`; number [T]: moved radiographs that it is the worst of.
    """

    STAGE = "explain"
    VERSION = 1

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
