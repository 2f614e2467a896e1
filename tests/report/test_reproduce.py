import json
import subprocess

import pytest

from diffchest import paths
from diffchest.errors import DataError
from diffchest.files.tables import write_metrics
from diffchest.params.whole import Params
from diffchest.report import reproduce
from diffchest.report.build import collect_metrics
from tests.helpers.report_inputs.whole import write_inputs


@pytest.fixture(scope="module")
def reports(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        paths.DATA.mkdir()
        write_inputs(Params.load(root / "params.yaml"), images=1)
    return folder


@pytest.fixture
def committed(reports, tmp_path, monkeypatch):
    """A git repository with a committed report, as working directory."""
    monkeypatch.chdir(tmp_path)
    for source in reports.glob("reports/tables/*.csv"):
        target = tmp_path / source.relative_to(reports)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    write_metrics(paths.METRICS, collect_metrics(reports / paths.STAGE_METRICS))
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "report"]):
        subprocess.run(["git", *command], check=True)
    return tmp_path


@pytest.fixture
def run_reproduce(committed, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["reproduce", *arguments])
        with pytest.raises(SystemExit) as stop:
            reproduce.main()
        return stop.value.code, capsys.readouterr().out

    return run


def test_an_unchanged_report_reproduces(run_reproduce):
    code, out = run_reproduce()
    assert code == 0
    assert "same     reports/tables/study_flow.csv" in out
    assert "DIFFERS" not in out


def test_a_changed_cell_is_named_with_its_row_and_column(run_reproduce):
    table = paths.table("study_flow")
    table.write_text(table.read_text().replace("26432", "26431"))
    code, out = run_reproduce()
    assert code == 1
    assert "DIFFERS  reports/tables/study_flow.csv: 1 of " in out
    assert "  padchest, labelled by a physician: images: 26432 -> 26431  (off by 1, allowed 0 (equal))\n" in out


def test_a_table_that_is_gone_or_new_is_named(run_reproduce):
    paths.table("positives").rename(paths.table("negatives"))
    code, out = run_reproduce()
    assert code == 1
    assert "DIFFERS  reports/tables/positives.csv: 1 of 1 values\n           file: there -> absent\n" in out
    assert "DIFFERS  reports/tables/negatives.csv: 1 of 1 values\n           file: absent -> there\n" in out


@pytest.mark.parametrize(("change", "code"), [(0.0003, 0), (-0.03, 1)])
def test_macro_auc_may_differ_by_its_tolerance(run_reproduce, change, code):
    metrics = json.loads(paths.METRICS.read_text())
    metrics["evaluate"]["diffchest"]["macro_auc"] += change
    paths.METRICS.write_text(json.dumps(metrics))
    found, out = run_reproduce("--reference", "HEAD")
    assert found == code
    assert ("evaluate.diffchest.macro_auc: " in out) == bool(code)


def test_of_many_differences_the_first_are_named_and_the_others_counted(run_reproduce):
    table = paths.table("auc")
    head, *rows = table.read_text().splitlines()
    table.write_text("\n".join([head, *(row.replace("7928", "7927") for row in rows)]) + "\n")
    _, out = run_reproduce()
    assert out.count("7928 -> 7927") == reproduce.SHOWN
    assert f"and {len(rows) - reproduce.SHOWN} more\n" in out


def test_unknown_revision_and_missing_metrics_are_errors(committed):
    with pytest.raises(DataError, match="no such revision"):
        list(reproduce.compare_reports("nonsense"))
    paths.METRICS.unlink()
    with pytest.raises(DataError, match="no such file; run `make repro`"):
        list(reproduce.compare_reports("HEAD"))
