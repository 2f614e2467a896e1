"""The stage `confounders`: judging reads what was drawn, and draws nothing."""

import json

import pandas as pd
import pytest

from diffchest import paths
from tests.helpers.drawn_run import change_params, judge, kept, write_drawn_run

PAIR = ["target", "confounder"]


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """What was drawn, in a working folder that has neither a network nor radiographs."""
    monkeypatch.chdir(tmp_path)
    write_drawn_run()
    return kept()


def flagged(table):
    return {tuple(pair) for pair in table.loc[table["flagged"], PAIR].to_numpy()}


def test_judging_again_with_other_bounds_decodes_nothing(drawn):
    change_params(confounders__flagged={"lift": 0.5, "prevalence": 0.0})
    assert "4 targets, 16 radiographs" in judge("confounders")
    first = pd.read_csv(paths.table("confounders"))
    change_params(confounders__flagged={"lift": 100.0, "prevalence": 0.0})
    judge("confounders")
    second = pd.read_csv(paths.table("confounders"))
    assert kept() == drawn
    assert {("cardiomegaly", "sternotomy"), ("sternotomy", "cardiomegaly")} <= flagged(first)
    assert not flagged(second)
    pd.testing.assert_frame_equal(first.drop(columns="flagged"), second.drop(columns="flagged"))


def test_truth_is_known_of_drawn_findings_alone(drawn):
    judge("confounders")
    table = pd.read_csv(paths.table("confounders"))
    planted = {tuple(pair) for pair in table.loc[table["planted"], PAIR].to_numpy()}
    assert planted == {("pacemaker", "sternotomy"), ("sternotomy", "pacemaker")}
    metrics = json.loads(paths.stage_metrics("confounders").read_text())
    assert metrics["pairs"] == len(table) == 4 * 4
    assert metrics["drawn_pairs"] == 4 * 3
    change_params(phantom__datasets=[])
    judge("confounders")
    assert json.loads(paths.stage_metrics("confounders").read_text())["drawn_pairs"] == 0
