"""What every classifier is to those who audit it: names of outputs, and logits of pictures.

Nothing here opens one: that is `diffchest.classifiers`.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from diffchest.errors import DataError
from diffchest.near_names import near_names


class Classifier(Protocol):
    """A classifier of radiographs, of whatever kind.

    * outputs: by name, which is that of a finding where the classifier knows it; no name occurs twice
    * sha256: changes with all that is known to change its scores: its files, its descriptor
    * thresholds: logits above which a finding counts as found, for the outputs that have one
    """

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs [K]."""
        ...

    @property
    def sha256(self) -> str:
        """What identifies it."""
        ...

    @property
    def thresholds(self) -> Mapping[str, float]:
        """Logits, by output."""
        ...

    def logits(self, pictures: np.ndarray) -> np.ndarray:
        """Log-odds float32 [N, K] of pictures uint8 [N, H, W], in which bone is bright."""
        ...


def known_outputs(outputs: Sequence[str], findings: Sequence[str], *, source: str) -> list[str]:
    """The outputs that are findings of ours, in their order.

    Raises `DataError` when there is none, with the finding that each output is called most like. `source`: whose
    outputs they are.
    """
    ours = set(findings)
    known = [name for name in outputs if name in ours]
    if known:
        return known
    near = "\n".join(f"  {name}: {_near(name, findings)}" for name in outputs[:20])
    raise DataError(
        f"{source}: none of its {len(outputs)} outputs has the name of a finding of ours ({len(ours)} findings, such "
        f"as {', '.join(list(findings)[:3])}). Say which it is in the descriptor, as in\n"
        f"  findings: {{Effusion: pleural effusion}}\nNear names:\n{near}"
    )


def _near(name: str, findings: Sequence[str]) -> str:
    """Findings that are called like `name`, in any case, or that hold one of its words."""
    spelled = name.replace("_", " ")
    close, words = near_names(spelled, findings), set(spelled.lower().split())
    close += [finding for finding in findings if finding not in close and words & set(finding.lower().split())]
    return ", ".join(close[:3]) or "none"
