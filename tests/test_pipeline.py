"""End to end: the whole pipeline on a small profile, in a copy of the repository, through DVC as a user runs it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from diffchest.contracts.latents import Latents
from diffchest.figures.registry import FIGURES
from diffchest.profiles import apply_profiles
from tests.helpers.repository import ROOT, pipeline_stages
from tests.helpers.tiny_clip import random_clip, save_clip
from tests.helpers.waiting import wait_for

AFTER_THE_HEAD = {
    "check_params",
    "fit_head",
    "fit_moves",
    "draw_explanations",
    "explain",
    "reader_sheets",
    "draw_interventions",
    "score_classifier",
    "draw_audit",
    "confounders",
    "reliance",
    "evaluate",
    "compare",
    "subgroups",
    "calibration",
    "figures",
    "report",
    "cards",
}

pytestmark = pytest.mark.slow


def run(*command: str, cwd: Path) -> str:
    """Run a command as a user would, with the environment's Python first on the path; return what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # or every stage compiles the package again
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
    apply_profiles([target / "profiles" / "smoke.yaml"], target / "params.yaml")
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
    assert ran == set(pipeline_stages())
    assert {path.stem for path in (clone / "reports" / "figures").glob("*.png")} == set(FIGURES)
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
    output = run("dvc", "exp", "run", "-S", "probe.fraction=0.5", "-S", "figures.names=[auc_forest]", cwd=clone)
    assert stages_run(output) == AFTER_THE_HEAD
    changed = json.loads(run("dvc", "metrics", "diff", "--json", cwd=clone))["reports/metrics.json"]
    assert any(key.startswith("evaluate.diffchest.auc.") for key in changed)
    # the others are fitted to all patients; a finding that our head has seen too few of is judged of none
    others = {key: found for key, found in changed.items() if key.startswith("evaluate.pca.auc.")}
    assert all(found["new"] is None for found in others.values())


def test_other_models_are_compared_as_soon_as_their_files_are_named(reproduced):
    """Two random CLIPs, our own latents as anybody's features, our own scores of some images as anybody's: one command."""
    clone, _ = reproduced
    external = clone / "external"
    (external / "chexzero").mkdir()
    for seed in (0, 1):
        save_clip(external / "chexzero" / f"{seed}.pt", random_clip(seed=seed))
    latents = Latents.load(clone / "data" / "latents.npz")
    np.savez(external / "encoder.npz", image_id=latents.image_id, features=latents.z)
    scores = pd.read_parquet(clone / "data" / "scores" / "diffchest.parquet").drop(columns="model")
    some = scores.iloc[::-1].iloc[: int(0.7 * len(scores))]
    some.assign(unknown=0.5).to_csv(external / "theirs.csv", index=False)
    output = run(
        *("dvc", "exp", "run", "-S", "baselines.chexzero.checkpoints=[external/chexzero]"),
        *("-S", "+baselines.encoder.features=external/encoder.npz"),
        *("-S", "+baselines.theirs.scores=external/theirs.csv"),
        *("-S", "~baselines.pca", "-S", "evaluation.permutation.resamples=200"),
        *("evaluate", "compare"),
        cwd=clone,
    )
    assert stages_run(output) == {"check_params", "check_names", "baseline", "evaluate", "compare"}

    evaluated, compared = (
        json.loads((clone / "reports" / "metrics" / f"{name}.json").read_text()) for name in ("evaluate", "compare")
    )
    assert set(evaluated) == {"diffchest", "chexzero", "encoder", "theirs"}
    assert compared["reference"] == "chexzero"
    assert set(compared["others"]) == {"encoder", "theirs"}
    unscored = {name: found["unscored_images"] for name, found in evaluated.items()}
    assert unscored == dict.fromkeys(unscored, 0) | {"theirs": len(scores) - len(some)}
    assert compared["others"]["theirs"]["ties"] == compared["others"]["theirs"]["findings"] > 0
    committed = json.loads(run("git", "show", "HEAD:reports/metrics.json", cwd=clone))
    ours = committed["evaluate"]["diffchest"]["auc"]
    assert evaluated["encoder"]["auc"]  # on all patients, as there; of the findings that our head of some can be judged
    assert evaluated["encoder"]["auc"].items() <= ours.items()

    comparison = pd.read_csv(clone / "reports" / "tables" / "comparison.csv")
    assert comparison["reference"].unique().tolist() == ["chexzero", "encoder", "theirs"]
    assert comparison.groupby("reference")["n"].max().to_dict() == {
        **dict.fromkeys(("chexzero", "encoder"), len(scores)),
        "theirs": len(some),
    }
    prompts = pd.read_csv(clone / "reports" / "tables" / "baseline_chexzero.csv").set_index("finding")
    assert prompts.loc["normal"].tolist() == ["no normal", "normal", False]


def test_pretraining_killed_under_dvc_carries_on(reproduced):
    """SIGKILL of `dvc repro` and its stage after a checkpoint; the same command resumes and publishes a whole network."""
    clone, _ = reproduced
    params = clone / "params.yaml"
    text = params.read_text()
    text = re.sub(r"images_shown: \d+", "images_shown: 6400", text)
    params.write_text(text)
    network = clone / "models" / "diffchest.safetensors"
    known = set((clone / "runs" / "pretrain").glob("*/*.pt"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        ["dvc", "repro", "pretrain"],
        cwd=clone,
        env=os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: set((clone / "runs" / "pretrain").glob("*/*.pt")) - known, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not network.exists()
    output = run("dvc", "repro", "pretrain", cwd=clone)
    assert "pretrain: resumed at" in output
    assert network.stat().st_size > 10_000
