"""Rejected images: one bad image never stops a run, too many of one cohort do."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from diffchest.errors import DataError

REASONS_SHOWN = 10


def check_rejected(rejected: pd.DataFrame, totals: Mapping[str, int], *, limit: float, report: Path) -> None:
    """Raise `DataError` when more than the fraction `limit` of a cohort's images was rejected.

    `rejected`: columns dataset, reason; `totals`: images per dataset. The message gives the most frequent reasons and
    names `report`, which lists every rejected image.
    """
    for dataset, images in rejected.groupby("dataset"):
        total = totals[str(dataset)]
        if len(images) <= limit * total:
            continue
        reasons = images["reason"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
        lines = [f"  {count} x {reason}" for reason, count in reasons.head(REASONS_SHOWN).items()]
        raise DataError(
            f"{dataset}: {len(images)} of {total} images rejected, more than cohorts.max_rejected_fraction = {limit:g} "
            f"allows. Most frequent reasons:\n" + "\n".join(lines) + f"\nAll of them: {report}. Mend the images, or "
            f"raise cohorts.max_rejected_fraction; with `images: present` absent images are not rejected."
        )
