"""The dose of confounding in phantoms: whether devices go with findings as in the real labels, more, or not at all.

Among PadChest's radiographs, on which the classifier is fitted and tested, a device keeps its number at every dose;
only which radiographs show it changes. What changes besides: `normal` is dropped where a device comes in and does not
return where one leaves, and the phantoms of CheXpert and MIMIC-CXR, seen in pretraining alone, have more or fewer
drains.
"""

import itertools
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from diffchest.findings.cooccurrence import planted_pairs
from diffchest.findings.vocabulary import DRAWN, KIND
from diffchest.params.phantom import Confounding
from diffchest.phantom.render import stream

# A device goes with a finding that makes it at least so many times as likely, and at least so likely. By default the
# audit is held against the same bounds (`confounders.planted`); pictures must not change when those do.
LIFT, COOCCURRENCE = 2.0, 0.1

# probability of a chest drain where CheXpert's labels have a pneumothorax and a device
DRAIN_WITH_PNEUMOTHORAX: dict[Confounding, float] = {0: 0.0, "natural": 0.7, "strong": 1.0}


def deal_treatments(
    findings: Sequence[Collection[str]], groups: Sequence[str], dose: Confounding, *, seed: int
) -> list[tuple[str, ...]]:
    """Deal the drawn treatments out anew over radiographs, each of which has `findings` and belongs to a group.

    * 0: each treatment goes to as many radiographs of a group, drawn at random
    * natural: as they are
    * strong: one after the other, a treatment leaves the radiographs that show none of the findings it goes with (in
      `findings`: `LIFT`, `COOCCURRENCE`), for as many of its group that show one of them and not yet the treatment

    Returns the findings of each radiograph, sorted. A treatment's number of radiographs in each group is the same.
    """
    if dose == "natural":
        return [tuple(sorted(names)) for names in findings]
    shown = pd.DataFrame({name: [name in names for names in findings] for name in DRAWN}, dtype=bool)
    partners = planted_pairs(shown.astype(float), DRAWN, lift=LIFT, cooccurrence=COOCCURRENCE)
    places = pd.Series(range(len(shown))).groupby(np.asarray(groups)).indices
    treatments = [name for name in DRAWN if KIND[name] == "treatment"]
    for treatment in treatments:
        goes_with = partners.loc[partners["confounder"] == treatment, "target"].tolist()
        for group, members in sorted(places.items()):
            rng = stream(seed, "confounding", str(group), treatment)
            has = shown[treatment].to_numpy()[members]
            if dose == 0:
                has = rng.permutation(has)
            else:
                company = shown[goes_with].any(axis=1).to_numpy()[members]
                leave = rng.permutation(np.flatnonzero(has & ~company))
                come = rng.permutation(np.flatnonzero(~has & company))
                moved = min(len(leave), len(come))
                has[leave[:moved]], has[come[:moved]] = False, True
            shown.loc[members, treatment] = has
    dealt = shown[treatments].to_numpy()
    return [
        tuple(sorted({*set(names).difference(treatments), *itertools.compress(treatments, row)}))
        for names, row in zip(findings, dealt, strict=True)
    ]


def deal_support_devices(devices: pd.Series, studies: pd.Series, dose: Confounding, *, seed: int) -> pd.Series:
    """The label Support Devices of CheXpert and MIMIC-CXR at this dose: at 0 each study has that of another one."""
    if dose != 0:
        return devices
    first = ~studies.duplicated()
    dealt = stream(seed, "confounding", "Support Devices").permutation(devices[first].to_numpy())
    return studies.map(dict(zip(studies[first], dealt, strict=True)))
