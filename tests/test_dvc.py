"""The pipeline file and its lock say what is true of the code."""

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from diffchest.dependencies import listed, script_of, used_files

ROOT = Path(__file__).resolve().parent.parent
STAGES = {name: stage.get("do", stage) for name, stage in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].items()}


@pytest.mark.parametrize("stage", STAGES)
def test_stage_depends_on_exactly_the_modules_it_imports(stage):
    said = set(listed(STAGES[stage]))
    used = used_files(ROOT / script_of(STAGES[stage]), ROOT)
    assert said == used, f"dvc.yaml is stale for `{stage}`: run `python -m diffchest.dependencies`"


@pytest.mark.parametrize("stage", STAGES)
def test_stage_has_a_description_and_no_runtime_parameter(stage):
    assert len(STAGES[stage]["desc"]) > 15
    assert not [key for key in STAGES[stage].get("params", []) if key.startswith("runtime")]


def test_credentialed_data_is_never_pushed():
    for name, stage in STAGES.items():
        for out in stage["outs"]:
            path, options = (out, {}) if isinstance(out, str) else next(iter(out.items()))
            derived = path.startswith(("data/", "models/")) and name not in ("tables", "phantom")
            assert not derived or path.endswith("_flow.csv") or options == {"push": False}, f"{name}: {path}"
            assert not path.startswith("reports/") or options.get("cache") is False, f"{name}: {path} is not committed"


def test_lock_is_current():
    """Every committed hash of code and parameters in `dvc.lock` is that of the working tree."""
    command = [sys.executable, "-m", "dvc", "repro", "--dry", "--allow-missing"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    stale = [line for line in result.stdout.splitlines() if line.startswith("Running stage")]
    assert not stale, f"dvc.lock is stale: run `make repro` and commit dvc.lock and reports/: {stale}"
