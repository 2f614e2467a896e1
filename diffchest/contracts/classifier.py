"""What every classifier is to those who audit it: names of outputs, and logits of pictures.

Nothing here opens one: that is `diffchest.classifiers`.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from diffchest.errors import DataError


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
    by_lower = {finding.lower(): finding for finding in findings}
    lower = name.lower().replace("_", " ")
    close = difflib.get_close_matches(lower, list(by_lower), n=3, cutoff=0.6)
    close += [finding for finding in by_lower if finding not in close and set(lower.split()) & set(finding.split())]
    return ", ".join(by_lower[finding] for finding in close[:3]) or "none"
