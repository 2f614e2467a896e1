"""End to end: the whole pipeline on a small profile, in a copy of the repository, through DVC as a user runs it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from diffchest.profiles import apply_profile

ROOT = Path(__file__).resolve().parent.parent
SCORED = {"evaluate", "compare", "subgroups", "calibration"}
AFTER_THE_HEAD = {"fit_head", *SCORED, "explain", "confounders", "figures", "report"}

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pipeline")]


def run(*command: str, cwd: Path) -> str:
    """Run a command as a user would, with the environment's Python first on the path; return what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    result = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
    return result.stdout


def stages_run(output: str) -> set[str]:
    """Names of the stages that DVC says it ran."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage '")]
    return {line.split("'")[1].split("@")[0] for line in lines}


def git(*arguments: str, cwd: Path) -> None:
    run("git", "-c", "user.name=test", "-c", "user.email=test@example.org", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A fresh repository with this working tree's files and the smoke profile."""
    target = tmp_path_factory.mktemp("clone") / "diffchest"
    names = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT).split("\0")
    for name in filter(None, names):
        if not name.startswith("reports/") and name != "dvc.lock" and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    if (ROOT / "downloads").is_dir():
        shutil.copytree(ROOT / "downloads", target / "downloads")
    apply_profile(target / "profiles" / "smoke.yaml", target / "params.yaml")
    git("init", "--quiet", cwd=target)
    git("add", "--all", cwd=target)
    git("commit", "--quiet", "--message", "smoke", cwd=target)
    return target


@pytest.fixture(scope="module")
def reproduced(clone):
    """The clone after its first `dvc repro`, committed; with the names of the stages that ran."""
    output = run("dvc", "repro", cwd=clone)
    git("add", "--all", cwd=clone)
    git("commit", "--quiet", "--message", "reproduced", cwd=clone)
    return clone, stages_run(output)


def test_repro_runs_every_stage_and_writes_every_report(reproduced):
    clone, ran = reproduced
    assert ran == set(YAML(typ="safe").load(clone / "dvc.yaml")["stages"])
    figures = YAML(typ="safe").load(clone / "params.yaml")["figures"]["names"]
    assert {path.stem for path in (clone / "reports" / "figures").glob("*.png")} == set(figures)
    html = (clone / "reports" / "index.html").read_text()
    assert "phantom" in html.split("</title>")[0].lower()
    metrics = json.loads((clone / "reports" / "metrics.json").read_text())
    assert 0 <= metrics["evaluate"]["diffchest"]["macro_auc"] <= 1


def test_second_repro_runs_nothing(reproduced):
    clone, _ = reproduced
    assert stages_run(run("dvc", "repro", cwd=clone)) == set()


def test_a_half_written_output_is_never_taken_for_a_whole_one(reproduced):
    clone, _ = reproduced
    whole = {name: (clone / name).read_bytes() for name in ("data/images.lmdb", "models/diffchest.safetensors")}
    for name in whole:
        (clone / name).unlink()
        (clone / name).write_bytes(whole[name][:1000])
    assert stages_run(run("dvc", "repro", cwd=clone)) <= {"build_lmdb", "pretrain"}  # or from the run cache
    for name, content in whole.items():
        assert (clone / name).read_bytes() == content, name


def test_probe_fraction_reruns_the_head_and_what_follows(reproduced):
    clone, _ = reproduced
    output = run("dvc", "exp", "run", "-S", "probe.fraction=0.03", cwd=clone)
    assert stages_run(output) == AFTER_THE_HEAD
    changed = json.loads(run("dvc", "metrics", "diff", "--json", cwd=clone))["reports/metrics.json"]
    assert any(key.startswith("evaluate.diffchest.auc.") for key in changed)
    assert not any(key.startswith("evaluate.pca.") for key in changed)


def test_pretraining_killed_under_dvc_carries_on(reproduced):
    """SIGKILL of `dvc repro` and its stage after a checkpoint; the same command resumes and publishes a whole network."""
    clone, _ = reproduced
    params = clone / "params.yaml"
    text = params.read_text()
    text = re.sub(r"images_shown: \d+", "images_shown: 6400", text)
    params.write_text(text)
    network = clone / "models" / "diffchest.safetensors"
    known = set((clone / "runs" / "pretrain").glob("*"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        ["dvc", "repro", "pretrain"],
        cwd=clone,
        env=os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not [
        file for run in (clone / "runs" / "pretrain").glob("*") if run not in known for file in run.glob("*.pt")
    ]:
        assert process.poll() is None, "the run ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not network.exists()
    output = run("dvc", "repro", "pretrain", cwd=clone)
    assert "pretrain: resumed at" in output
    assert network.stat().st_size > 10_000
