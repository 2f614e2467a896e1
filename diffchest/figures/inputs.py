"""Reading what the stages wrote, with errors that say which stage to run and notices where there are no rows."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from diffchest import paths
from diffchest.errors import DataError
from diffchest.figures.style import NothingToDrawError


def read_rows(path: Path, *, stage: str, empty: str) -> pd.DataFrame:
    """Read a CSV that stage `stage` wrote.

    Raises `DataError` when it is missing, `NothingToDrawError` with the reason `empty` when it has no rows.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; run `dvc repro {stage}`")
    table = pd.read_csv(path)
    if table.empty:
        raise NothingToDrawError(f"{path} has no rows: {empty}")
    return table


def read_metrics(stage: str) -> dict[str, Any]:
    """Read the metrics of a stage; `DataError` when they are missing."""
    path = paths.stage_metrics(stage)
    if not path.is_file():
        raise DataError(f"{path}: no such file; run `dvc repro {stage}`")
    return json.loads(path.read_text())
