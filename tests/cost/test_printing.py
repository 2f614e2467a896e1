"""The tables fit a terminal, and a profile is merged without being written."""

import json

import pytest

from diffchest.cost import __main__ as command
from diffchest.cost.measuring import Measured
from diffchest.cost.printing import COLUMNS, cost, text
from diffchest.profiles import with_profiles
from tests.helpers.repository import ROOT
from tests.helpers.tiny import tiny_params


def test_text_fits_a_terminal():
    told = cost(tiny_params(), utilisation=0.4, findings=74, own=None)
    measured = Measured(16, [100.0], [110.0], {"convolutions, products": 0.1, "all else": 0.2}, 1)
    printed = text("tiny", told, measured)
    assert max(map(len, printed.splitlines())) <= COLUMNS
    assert "+10%" in printed
    assert "GPU-days together" in printed


def test_the_command_writes_nothing_and_prints_json(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    before = (ROOT / "params.yaml").read_bytes()
    monkeypatch.setattr("sys.argv", ["cost", "smoke", "--json"])
    command.main()
    told = json.loads(capsys.readouterr().out)
    assert told["settings"]["images_shown"] == with_profiles(["smoke"]).pretrain.images_shown
    assert (ROOT / "params.yaml").read_bytes() == before


@pytest.mark.parametrize("value", ["0", "1.5"])
def test_a_utilisation_is_a_fraction(monkeypatch, value):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["cost", "--utilisation", value])
    with pytest.raises(Exception, match="fraction of the peak"):
        command.main()
