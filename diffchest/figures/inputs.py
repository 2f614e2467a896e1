"""Reading what the stages wrote, with errors that say which stage to run and notices where there are no rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from diffchest import paths
from diffchest.contracts.manifest import read_manifest
from diffchest.errors import DataError
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import NothingToDrawError


def read_rows(path: Path, *, stage: str, empty: str) -> pd.DataFrame:
    """Read a CSV that stage `stage` wrote.

    Raises `DataError` when it is missing, `NothingToDrawError` with the reason `empty` when it has no rows.
    """
    table = pd.read_csv(_written(path, stage))
    if table.empty:
        raise NothingToDrawError(f"{path} has no rows: {empty}")
    return table


def read_audits(classifiers: Sequence[str]) -> dict[str, pd.DataFrame]:
    """What the audit of each classifier found, without those of which no output could be audited.

    Raises `DataError` when a table is missing, `NothingToDrawError` when none has rows.
    """
    tables = {name: pd.read_csv(_written(paths.audit(name), "confounders")) for name in classifiers}
    audits = {name: table.fillna({"responds": ""}) for name, table in tables.items() if len(table)}
    if not audits:
        raise NothingToDrawError(f"no output of {', '.join(classifiers)} passed all gates, so no pair was audited")
    return audits


def cohorts_of(image_ids: Sequence[str]) -> list[str]:
    """The cohorts of stored images, each once, in the order in which they come."""
    cohort = read_manifest(paths.STORED_MANIFEST).set_index("image_id")["dataset"]
    return [str(name) for name in cohort[list(image_ids)].unique()]


def pretraining_cohorts(params: FigureParams) -> list[str]:
    """The cohorts whose radiographs pretraining may see, held out or not (`pretrain.roles`)."""
    rows = read_manifest(paths.STORED_MANIFEST)
    return [str(name) for name in rows.loc[rows["role"].isin(params.pretrain_roles), "dataset"].unique()]


def read_metrics(stage: str) -> dict[str, Any]:
    """Read the metrics of a stage; `DataError` when they are missing."""
    return json.loads(_written(paths.stage_metrics(stage), stage).read_text(encoding="utf-8"))


def _written(path: Path, stage: str) -> Path:
    if not path.is_file():
        raise DataError(f"{path}: no such file; run `dvc repro {stage}`")
    return path
