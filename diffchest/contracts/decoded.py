"""What was decoded, looked at: the squares of each cohort that are shown, and the histogram of their gray levels.

The sheet, one row per square shown: dataset, kind (see `KINDS`), image_id. It names radiographs and therefore lies in
`data/`. The histogram, `reports/tables/intensities.csv`, one row per bin of a dataset: dataset, gray (the lowest level
of the bin), mean, low and high (share of a square's pixels in the bin: mean, 5th and 95th percentile over the squares).
"""

import pandas as pd

from diffchest import paths
from diffchest.errors import DataError

BIN = 4  # gray levels of a bin of the histogram
PERCENTILES = (5, 95)
COLUMNS = 10  # squares in a row of the sheet
SAMPLE = "drawn at random"
KINDS = {SAMPLE: 4 * COLUMNS, "darkest": COLUMNS, "brightest": COLUMNS, "fewest grays": COLUMNS}
SHEET_COLUMNS = ["dataset", "kind", "image_id"]
HISTOGRAM_COLUMNS = ["dataset", "gray", "mean", "low", "high"]


def read_sheet() -> pd.DataFrame:
    """The squares to show; `DataError` when they were not chosen yet."""
    if not paths.CONTACT_SHEET.is_file():
        raise DataError(f"{paths.CONTACT_SHEET}: no such file; run `dvc repro build_lmdb`")
    return pd.read_csv(paths.CONTACT_SHEET, dtype=str, keep_default_na=False)
