"""Writing tables and metrics so that equal content is equal bytes."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from diffchest.files.whole import whole


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write `frame` as CSV (or `.csv.gz`) with six significant digits and Unix line ends."""
    compression: Any = {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else None
    with whole(path) as partial:
        frame.to_csv(partial, index=False, float_format="%.6g", lineterminator="\n", compression=compression)


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Write nested metrics as JSON; floats keep six significant digits, NaN becomes null."""
    with whole(path) as partial:
        partial.write_text(json.dumps(_plain(metrics), indent=2) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
