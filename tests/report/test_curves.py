"""Curves of commits and experiments, in a small repository made for it."""

import subprocess
from pathlib import Path

import pytest

from diffchest.errors import DataError
from diffchest.report.curves import draw_curves, read_at, read_plots

TABLE = Path("reports/plots/loss.csv")
PLOTS = """\
plots:
  - reports/plots/loss.csv: {x: images, y: [train, valid], title: Loss}
  - by timestep:
      x: {reports/plots/loss.csv: images}
      y: {reports/plots/loss.csv: [a, b, c, d, e]}
      title: By timestep
  - reports/tables/auc.csv: {template: scatter, x: positives, y: auc, title: AUC}
"""


def git(*command):
    name = ("-c", "user.name=n", "-c", "user.email=e@e")
    return subprocess.run(["git", *name, *command], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """HEAD has a loss of 5, an experiment 3, the workspace 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    TABLE.parent.mkdir(parents=True)
    Path("dvc.yaml").write_text(PLOTS)
    git("init", "-q", "-b", "main")
    for loss in (5, 3):
        TABLE.write_text(f"images,train,valid,a,b,c,d,e\n10,9,9,1,2,3,4,5\n20,{loss},4,1,2,3,4,5\n")
        git("add", ".")
        git("commit", "-qm", str(loss))
    git("update-ref", "refs/exps/ab/abcdef/twice-as-long", "HEAD")
    git("reset", "-q", "--hard", "HEAD~1")
    TABLE.write_text("images,train,valid\n10,9,9\n20,2,4\n")


def test_revisions_are_read_by_their_names(repository):
    commit = git("rev-parse", "--short", "HEAD")
    last = {name: read_at(TABLE, name) for name in ("workspace", "HEAD", "main", commit, "twice-as-long")}
    losses = {name: table["train"].tolist() for name, table in last.items() if table is not None}
    expected = {"workspace": [9, 2], "HEAD": [9, 5], "main": [9, 5], commit: [9, 5], "twice-as-long": [9, 3]}
    assert losses == expected
    assert read_at(Path("reports/tables/auc.csv"), "HEAD") is None
    with pytest.raises(DataError, match="longer: no commit, branch or experiment"):
        read_at(TABLE, "longer")


def test_each_plot_holds_the_curves_of_every_revision(repository):
    figure = draw_curves(read_plots(), ["workspace", "twice-as-long"])
    loss, by_timestep, auc = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["Loss", "By timestep", "AUC"]
    drawn = {str(line.get_label()): list(line.get_ydata()) for line in loss.lines}
    assert drawn["workspace: train"] == [9, 2]
    assert drawn["twice-as-long: train"] == [9, 3]
    assert len({line.get_color() for line in loss.lines}) == 2
    assert len(by_timestep.lines) == 5  # the workspace lacks these columns
    assert not auc.lines


def test_the_pipeline_s_own_plots_are_understood(root):
    named = {path.as_posix() for _, path, *_ in read_plots(root / "dvc.yaml")}
    assert {"reports/plots/pretrain_loss.csv", "reports/plots/information.csv", "reports/tables/auc.csv"} <= named
