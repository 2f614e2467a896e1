"""Going to the run of another branch and back, with DVC's own cache, in a repository of the test's own."""

import subprocess
import sys

import pytest

from diffchest.errors import DataError
from diffchest.runs import go, outputs


def call(*command):
    subprocess.run(command, check=True, capture_output=True)


def git(*arguments):
    call("git", "-c", "user.name=test", "-c", "user.email=test@example.org", *arguments)


def commit_run(name, text):
    """A run whose one stage writes data/cohorts/<name>.csv, computed and committed."""
    stage = f"stages:\n  ingest:\n    cmd: mkdir -p data/cohorts && echo {text} > data/cohorts/{name}.csv\n"
    with open("dvc.yaml", "w", encoding="utf-8") as file:
        file.write(f"{stage}    outs: [data/cohorts/{name}.csv]\n")
    call(sys.executable, "-m", "dvc", "repro", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", name)


@pytest.fixture
def two_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet", "--initial-branch", "main")
    call(sys.executable, "-m", "dvc", "init", "--quiet")
    (tmp_path / ".gitignore").write_text("/data/\n", encoding="utf-8")
    commit_run("phantoms", "drawn")
    git("switch", "--quiet", "--create", "private/hospital")
    commit_run("hospital", "patient")
    (tmp_path / "data" / "raw").mkdir()
    (tmp_path / "data" / "raw" / "film.dcm").write_text("film", encoding="utf-8")
    (tmp_path / "data" / "cohorts" / "phantoms.csv").unlink(missing_ok=True)
    return tmp_path


def cohorts(folder):
    return {path.name: path.read_text(encoding="utf-8").strip() for path in (folder / "data" / "cohorts").glob("*.csv")}


def test_there_and_back_brings_each_run_whole_and_leaves_nothing_of_the_other(two_runs, capsys):
    assert go("main") == (1, 0)
    assert cohorts(two_runs) == {"phantoms.csv": "drawn"}
    assert go("private/hospital") == (1, 0)
    assert cohorts(two_runs) == {"hospital.csv": "patient"}
    assert (two_runs / "data" / "raw" / "film.dcm").read_text(encoding="utf-8") == "film"
    assert capsys.readouterr().err == ""


def test_what_the_cache_does_not_hold_is_not_lost(two_runs):
    for file in two_runs.glob(".dvc/cache/files/md5/*/*"):
        file.chmod(0o644)
        file.unlink()
    with pytest.raises(DataError, match=r"hospital\.csv: DVC's cache does not hold it.*`dvc commit data"):
        go("main")
    assert cohorts(two_runs) == {"hospital.csv": "patient"}
    (two_runs / "data" / "cohorts" / "hospital.csv").unlink()
    assert go("main") == (1, 1)  # what was never computed here, or is gone, is counted
    assert cohorts(two_runs) == {}


def test_an_output_that_was_changed_by_hand_is_not_lost(two_runs):
    """As weights that were put in place: the cache holds what dvc.lock names, and not these."""
    changed = two_runs / "data" / "cohorts" / "hospital.csv"
    changed.unlink()
    changed.write_text("by hand", encoding="utf-8")
    with pytest.raises(DataError, match=r"hospital\.csv: not what dvc\.lock says, and would be lost: `dvc commit data"):
        go("main")
    assert cohorts(two_runs) == {"hospital.csv": "by hand"}


def test_a_run_that_is_not_committed_is_not_left(two_runs):
    (two_runs / "dvc.lock").write_text("schema: '2.0'\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"not committed, and would be lost: `git add params\.yaml dvc\.lock reports`"):
        go("main")
    assert cohorts(two_runs) == {"hospital.csv": "patient"}


def test_an_unknown_branch_is_gits_to_refuse(two_runs):
    with pytest.raises(DataError, match="elsewhere"):
        go("elsewhere")
    assert cohorts(two_runs) == {"hospital.csv": "patient"}


def test_without_a_lock_there_are_no_outputs(tmp_path):
    assert outputs(tmp_path / "dvc.lock") == {}
