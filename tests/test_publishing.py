"""No report of real radiographs is committed by accident, in a repository of the test's own."""

import os
import subprocess

import pytest

from diffchest.errors import DataError
from diffchest.files.yaml import read_mapping
from diffchest.publishing import HOOKS, check_commit, guarded, install, real_cohorts, real_cohorts_of_lock, tell
from tests.helpers.repository import ROOT

PHANTOMS = """\
cohorts: {datasets: [padchest], padchest: {root: data/phantom/padchest}, hospital: {root: /films}}
phantom: {datasets: [padchest]}
"""
REAL = PHANTOMS.replace("datasets: [padchest], padchest", "datasets: [hospital], padchest")
MOVED = PHANTOMS.replace("data/phantom/padchest", "data/raw/padchest")
LOCK = "stages: {'ingest@hospital': {params: {params.yaml: {cohorts.hospital: {root: /films}}}}}\n"


def git(*arguments):
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, *arguments], capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    git("init", "--quiet")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "auc.csv").write_text("1", encoding="utf-8")
    (tmp_path / "params.yaml").write_text(PHANTOMS, encoding="utf-8")
    git("add", "--all")
    return tmp_path


def test_cohorts_that_are_drawn_are_those_in_the_folder_of_the_phantoms(repository):
    for text, real in ((PHANTOMS, []), (REAL, ["hospital"]), (MOVED, ["padchest"])):
        (repository / "params.yaml").write_text(text, encoding="utf-8")
        assert real_cohorts(read_mapping(repository / "params.yaml")) == real


def test_the_committed_pipeline_is_of_phantoms(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert real_cohorts(read_mapping(ROOT / "params.yaml")) == []


@pytest.mark.parametrize(
    ("path", "held"),
    [
        *((path, True) for path in ("reports/a.csv", "dvc.lock", "params.yaml", "ratings/r.csv")),
        *((path, False) for path in ("ratings/README.md", "profiles/a.yaml", "diffchest/report/build.py", "dvc.yaml")),
    ],
)
def test_what_may_hold_patients(path, held):
    assert guarded(path) == held


def test_reports_of_phantoms_and_anything_else_are_committed(repository):
    check_commit()
    git("reset", "--quiet")
    (repository / "params.yaml").write_text(REAL, encoding="utf-8")
    (repository / "notes.txt").write_text("x", encoding="utf-8")
    git("add", "notes.txt")
    check_commit()


@pytest.mark.parametrize("how", ["params as they are", "params as staged", "lock as it is", "lock as staged"])
def test_reports_of_real_radiographs_are_not(repository, how):
    name, text, before = ("params.yaml", REAL, PHANTOMS) if "params" in how else ("dvc.lock", LOCK, "stages: {}\n")
    (repository / name).write_text(text, encoding="utf-8")
    if "staged" in how:
        git("add", name)
        (repository / name).write_text(before, encoding="utf-8")
    with pytest.raises(
        DataError, match=r"not committed: .*reports/auc\.csv.*no phantoms \(hospital\).*\n.*reports\.public"
    ):
        check_commit()
    public = (repository / "params.yaml").read_text(encoding="utf-8") + "reports: {public: true}\n"
    (repository / "params.yaml").write_text(public, encoding="utf-8")
    check_commit()


def test_git_runs_it(repository):
    install()
    install()
    assert git("commit", "--message", "phantoms").returncode == 0
    (repository / "params.yaml").write_text(REAL, encoding="utf-8")
    (repository / "reports" / "auc.csv").write_text("2", encoding="utf-8")
    refused = git("commit", "--all", "--message", "patients")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: not committed: params.yaml, reports/auc.csv: made from radiographs that")
    assert git("commit", "--all", "--no-verify", "--message", "patients").returncode == 0


def test_hooks_of_the_user_stay(repository, capsys):
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntrue\n", encoding="utf-8")
    install()
    assert hook.read_text(encoding="utf-8") == "#!/bin/sh\ntrue\n"
    assert "is yours and stays; add `python -m diffchest.publishing`" in capsys.readouterr().err
    hook.unlink()
    git("config", "core.hooksPath", str(repository / "theirs"))
    install()
    assert not (repository / "theirs").exists()
    assert not hook.exists()


@pytest.fixture
def remote(repository, tmp_path_factory):
    """Another repository, to which the phantoms of this one were pushed; hooks are installed here."""
    there = tmp_path_factory.mktemp("remote")
    git("init", "--quiet", "--bare", str(there))
    git("remote", "add", "there", str(there))
    git("config", "user.name", "test")
    git("config", "user.email", "test@example.org")
    git("branch", "-M", "main")
    install()
    assert git("commit", "--message", "phantoms").returncode == 0
    assert git("push", "there", "main").returncode == 0
    return there


def commit_patients(repository, branch="private/hospital"):
    git("switch", "--create", branch)
    (repository / "params.yaml").write_text(REAL, encoding="utf-8")
    (repository / "reports" / "auc.csv").write_text("of patients", encoding="utf-8")
    return git("commit", "--all", "--message", "patients")


def test_a_private_branch_takes_what_no_other_does_and_is_not_pushed(repository, remote):
    assert commit_patients(repository, "hospital").returncode == 1
    assert commit_patients(repository).returncode == 0
    refused = git("push", "there", "private/hospital")
    assert refused.returncode == 1
    assert "error: not pushed: refs/heads/private/hospital has commit " in refused.stderr
    assert "no phantoms (hospital)" in refused.stderr
    git("update-ref", "refs/exps/aa/bb", "HEAD")  # as DVC keeps experiments
    assert git("push", "there", "refs/exps/aa/bb").returncode == 1
    assert git("-C", str(remote), "for-each-ref", "--format=%(refname)").stdout.split() == ["refs/heads/main"]
    assert git("push", "--no-verify", "there", "private/hospital").returncode == 0
    assert git("push", "there", ":private/hospital").returncode == 0  # a branch is deleted there: nothing is published


@pytest.mark.parametrize("how", ["fast forward", "merge"])
def test_main_is_not_pushed_either_once_it_has_a_private_commit_even_if_undone(repository, remote, how):
    commit_patients(repository)
    git("switch", "main")
    if how == "merge":
        (repository / "notes.txt").write_text("x", encoding="utf-8")
        git("add", "notes.txt")
        assert git("commit", "--message", "notes").returncode == 0
        assert git("push", "there", "main").returncode == 0  # commits of something else go through
    git("merge", "--no-edit", "private/hospital")
    assert git("push", "there", "main").returncode == 1
    git("checkout", "there/main", "--", "params.yaml", "reports")
    git("commit", "--message", "undone")
    assert "of patients" not in (repository / "reports" / "auc.csv").read_text(encoding="utf-8")
    assert git("push", "there", "main").returncode == 1


def test_public_reports_are_pushed(repository, remote):
    (repository / "params.yaml").write_text(REAL + "reports: {public: true}\n", encoding="utf-8")
    assert git("commit", "--all", "--message", "public").returncode == 0
    assert git("push", "there", "main").returncode == 0


def test_what_the_lock_says_counts_in_a_push(repository, remote):
    git("switch", "--create", "private/lock")
    (repository / "dvc.lock").write_text(LOCK, encoding="utf-8")
    git("add", "dvc.lock")
    assert git("commit", "--message", "lock").returncode == 0
    assert git("push", "there", "HEAD:elsewhere").returncode == 1


def test_a_private_branch_takes_nothing_where_no_push_is_checked(repository, remote):
    (repository / ".git" / "hooks" / "pre-push").write_text("#!/bin/sh\ntrue\n", encoding="utf-8")
    refused = commit_patients(repository)
    assert refused.returncode == 1
    assert "nothing checks what is pushed from this branch" in refused.stderr


def test_without_the_python_of_the_hooks_nothing_is_pushed(repository, remote):
    hook = repository / ".git" / "hooks" / "pre-push"
    hook.write_text(HOOKS["pre-push"].format(python="/gone/python"), encoding="utf-8")
    (repository / "notes.txt").write_text("x", encoding="utf-8")
    git("add", "notes.txt")
    git("commit", "--message", "notes")
    refused = git("push", "there", "main")
    assert refused.returncode == 1
    assert "/gone/python is gone" in refused.stderr


def test_an_experiment_of_real_radiographs_is_warned_of(capsys):
    params = {"cohorts": {"datasets": ["hospital"]}}
    tell(params, {})
    assert "refs/exps" not in capsys.readouterr().err
    tell(params, {"DVC_EXP_BASELINE_REV": "abc"})
    assert "git's objects (refs/exps)" in capsys.readouterr().err


def test_without_a_repository_nothing_is_installed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    install()
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == ""


def test_it_is_told_when_parameters_are_checked(repository, capsys):
    (repository / "params.yaml").write_text(REAL, encoding="utf-8")
    tell(read_mapping(repository / "params.yaml"))
    assert "hospital: no phantoms, so reports/ may hold pictures and ids of patients" in capsys.readouterr().err
    tell(read_mapping(repository / "params.yaml") | {"reports": {"public": True}})
    assert capsys.readouterr().err == ""


def test_an_empty_lock_says_nothing():
    assert real_cohorts_of_lock({}) == []
