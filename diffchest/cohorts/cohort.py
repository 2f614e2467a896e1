"""What reading a cohort gives."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class Cohort:
    """One dataset as ingested.

    `images`: `COHORT_COLUMNS`, sorted by image_id, images that are not present included (source ""), so that the split
    does not depend on what was downloaded. `labels`: index image_id (present images), one float32 column per finding,
    1, 0, -1 (uncertain), NaN (blank). `blank_is_negative`: whether blank means 0 (report-mined labels) or not
    assessed. `flow`: step, images, patients. `rejected`: `REJECTED_COLUMNS`. `understood`: facts of what was
    read, see `cohorts.understood`. `readers`: labels of the test set's radiologists by name, index study id, to compare
    with. `indicators`: labels made of view, machine or site, which are no findings.

    Columns are those of `diffchest.contracts.manifest`.
    """

    images: pd.DataFrame
    labels: pd.DataFrame
    flow: pd.DataFrame
    rejected: pd.DataFrame
    understood: pd.DataFrame
    blank_is_negative: bool = False
    readers: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    indicators: Collection[str] = ()
