"""The pipeline file and its lock say what is true of the code."""

import ast
import subprocess
import sys

import pytest

from diffchest.dependencies import CODE, code_of, params_class, params_of, script_of, used_files
from tests.helpers.repository import ROOT, outputs, pipeline_stages

STAGES = pipeline_stages()


@pytest.mark.parametrize("stage", STAGES)
def test_stage_depends_on_exactly_the_modules_it_imports_and_the_parameters_it_declares(stage):
    script = script_of(STAGES[stage])
    listed = [dep for dep in STAGES[stage]["deps"] if dep.startswith(CODE)]
    stale = f"dvc.yaml is stale for `{stage}`: run `python -m diffchest.dependencies`"
    assert listed == code_of(script, ROOT), stale
    assert STAGES[stage]["params"] == params_of(ROOT / script), stale


@pytest.mark.parametrize("stage", STAGES)
def test_stage_reads_every_parameter_that_it_declares(stage):
    """A field of `Params` that no code of the stage reads, inherited ones too, would rerun it for nothing."""
    script = script_of(STAGES[stage])
    read = {
        node.attr
        for path in used_files(ROOT / script, ROOT)
        if path.endswith(".py")
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.Attribute)
    }
    declared = set(params_class(ROOT / script).model_fields)
    assert stage == "check_params" or declared <= read, f"declared and never read: {sorted(declared - read)}"


@pytest.mark.parametrize("stage", STAGES)
def test_stage_has_a_description_and_no_runtime_parameter(stage):
    assert len(STAGES[stage]["desc"]) > 15
    assert not [key for key in STAGES[stage]["params"] if key.startswith("runtime")]


def test_credentialed_data_is_never_pushed():
    for name, stage in STAGES.items():
        for path, options in outputs(stage).items():
            derived = path.startswith(("data/", "models/")) and name not in ("check_params", "tables", "phantom")
            assert not derived or path.endswith("_flow.csv") or options == {"push": False}, f"{name}: {path}"
            assert not path.startswith("reports/") or options.get("cache") is False, f"{name}: {path} is not committed"


def test_lock_is_current():
    """Every committed hash of code and parameters in `dvc.lock` is that of the working tree."""
    command = [sys.executable, "-m", "dvc", "repro", "--dry", "--allow-missing"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    stale = [line for line in result.stdout.splitlines() if line.startswith("Running stage")]
    assert not stale, f"dvc.lock is stale: run `make repro` and commit dvc.lock and reports/: {stale}"
