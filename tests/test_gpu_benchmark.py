"""The benchmark for GPUs does every part on a CPU with a tiny network."""

from benchmarks.gpu import all as gpu
from tests.helpers.repository import ROOT


def test_a_dry_run_does_every_part(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["benchmarks/gpu/all.py", "--dry-run"])
    gpu.main()
    printed = capsys.readouterr().out
    assert "failed" not in printed
    for part in ("training step", "times the plain loop", "memory", "predicted", "encoding to z", "counterfactuals"):
        assert part in printed
