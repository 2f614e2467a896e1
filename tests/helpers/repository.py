"""The repository, and the pipeline as `dvc.yaml` describes it."""

import os
from pathlib import Path
from typing import Any, NoReturn

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]


def without_tables() -> NoReturn:
    """Skip a test that needs the real label tables, where they need not be there; else it fails."""
    reason = "the wheel with the real label tables is not there; `make labels` fetches it"
    if os.environ.get("REAL_TABLES") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


def pipeline_stages() -> dict[str, dict[str, Any]]:
    """Each stage as it is written, of a `foreach` its `do`, in the file's order."""
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    return {name: stage.get("do", stage) for name, stage in stages.items()}


def outputs(stage: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The paths that a stage writes, with the options of each."""
    return {path: options for out in stage.get("outs", []) for path, options in _with_options(out).items()}


def _with_options(out: str | dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {out: {}} if isinstance(out, str) else out
