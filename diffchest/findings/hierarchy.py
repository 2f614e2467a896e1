"""Findings that are kinds of another, by the exact names of their labels: what one label says along with it.

Only what the words mean belongs here. That two findings are labelled together, however often, makes neither a kind of
the other: nearly all artificial heart valves come with a sternotomy, which is what a valve must be told apart from.
"""

from collections.abc import Mapping, Sequence

KINDS: dict[str, tuple[str, ...]] = {
    # PadChest: a device with one or two chambers, or that defibrillates as well, is a pacemaker
    "pacemaker": ("dual chamber device", "single chamber device", "dai"),
    "artificial heart valve": ("artificial mitral heart valve", "artificial aortic heart valve"),
    # CheXpert, and MIMIC-CXR labelled by the same labeller (Irvin et al. 2019, figure 1)
    "Enlarged Cardiomediastinum": ("Cardiomegaly",),
    "Lung Opacity": ("Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis"),
    "Consolidation": ("Pneumonia",),
}


def generic(finding: str, own: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """All that `finding` is a kind of, the nearest first; own: kinds by generic label, besides `KINDS`."""
    found: list[str] = []
    waiting = [finding]
    while waiting:
        name = waiting.pop(0)
        for known in (KINDS, own or {}):
            above = [label for label, kinds in known.items() if name in kinds and label not in (finding, *found)]
            found += above
            waiting += above
    return found


def related(one: str, other: str, own: Mapping[str, Sequence[str]] | None = None) -> bool:
    """Whether either is a kind of the other: to look at the one is to look at the other."""
    return one in generic(other, own) or other in generic(one, own)
