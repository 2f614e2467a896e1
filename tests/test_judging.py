"""The stages that judge (`explain`, `reader_sheets`, `confounders`) read what was drawn, and draw nothing."""

import json

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from diffchest import paths
from diffchest.contracts.explained import MACRO, Failures, Reconstructions
from tests.helpers.drawn_run import ROOT, TARGETS, change_params, judge, kept, write_drawn_run

NAMES = ("counterfactuals", "counterfactual_quality", "reconstruction")
PAIR = ["target", "confounder"]


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """What was drawn, in a working folder that has neither a network nor radiographs."""
    monkeypatch.chdir(tmp_path)
    write_drawn_run()
    return kept()


def tables():
    return {name: pd.read_csv(paths.table(name)) for name in NAMES}


def test_judging_again_with_other_redraws_decodes_nothing(drawn):
    assert "20 radiographs, 2 findings" in judge("explain")
    first = tables()
    bootstrap = {"unit": "image", "resamples": 77, "confidence": 0.5, "interval": "percentile", "seed": 1}
    change_params(evaluation__bootstrap=bootstrap)
    judge("explain")
    second = tables()
    assert kept() == drawn
    assert first["counterfactuals"].equals(second["counterfactuals"])
    intervals = ["low", "high"]
    one, other = first["counterfactual_quality"], second["counterfactual_quality"]
    pd.testing.assert_frame_equal(one.drop(columns=intervals), other.drop(columns=intervals))
    uncertain = one["judge"] != "axioms"  # the null edit of these pictures changes nothing at all
    narrower = (other["high"] - other["low"]) < (one["high"] - one["low"])
    assert narrower[uncertain].mean() > 0.9

    quality = one[one["judge"] == "head"].set_index(["target", "measure"])["value"]
    assert set(one["judge"]) == {"head", "added twin", "removed twin", "axioms"}
    for target, rows in first["counterfactuals"].groupby("target"):
        assert quality[target, "l1"] == pytest.approx(rows["l1"].mean(), rel=1e-4)
        assert quality[target, "off_target"] == pytest.approx(rows["off_target"].mean(), rel=1e-4)
    metrics = json.loads(paths.stage_metrics("explain").read_text())
    twins = one[(one["judge"] == "added twin") & (one["target"] == MACRO)].set_index("measure")["value"]
    for name in ("cosine", "size_ratio", "outside", "own", "off_target"):
        assert metrics["twins"][name] == pytest.approx(twins[name], rel=1e-4)
        assert metrics["twins"][f"{name}_low"] <= metrics["twins"][name] <= metrics["twins"][f"{name}_high"]
    assert metrics["axioms"]["composition_10"] == 0
    assert metrics["reconstruction"]["mae"] == pytest.approx(first["reconstruction"]["mae"].mean(), rel=1e-4)
    pictures = Reconstructions.load(paths.RECONSTRUCTIONS)
    error = np.abs(pictures.redrawn.astype(float) - pictures.original).mean() / 255
    assert metrics["reconstruction"]["mae_new_x_T"] == pytest.approx(error, rel=1e-4)
    assert Failures.load(paths.FAILURES).targets == TARGETS


def test_sheets_are_made_of_what_was_measured(drawn):
    judge("reader_sheets")
    assert kept() == drawn
    assert sorted(path.name for path in paths.READER_SHEETS.glob("*.png")) == ["cardiomegaly_1.png", "pacemaker_1.png"]
    sheet = pd.read_csv(paths.READER_SHEETS / "pacemaker.csv")
    assert len(sheet) == 12
    assert set(sheet["image_id"]) < {f"padchest/{number:02}" for number in range(20)}


@pytest.mark.parametrize(
    ("drawing", "judged"),
    [
        ("draw_explanations", {"evaluation.bootstrap", "figures", "reader_study"}),
        ("draw_audit", {"confounders.flagged", "confounders.planted", "confounders.false_discovery_rate",
                        "evaluation.bootstrap", "explain", "explain.step", "figures"}),
    ],
)  # fmt: skip
def test_a_drawing_tracks_nothing_that_judges_it(drawing, judged):
    stage = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"][drawing]
    tracked = set(stage.get("do", stage)["params"])
    assert not tracked & (judged | {"confounders", "evaluation"})


def flagged(table):
    return {tuple(pair) for pair in table.loc[table["flagged"], PAIR].to_numpy()}


def test_judging_again_with_other_bounds_decodes_nothing(drawn):
    change_params(confounders__flagged={"lift": 0.5, "prevalence": 0.0, "response": 0.1})
    assert "1 classifiers; ours: " in judge("confounders")
    first = pd.read_csv(paths.table("confounders"))
    change_params(confounders__flagged={"lift": 100.0, "prevalence": 0.0, "response": 0.1})
    judge("confounders")
    second = pd.read_csv(paths.table("confounders"))
    change_params(confounders__flagged={"lift": 0.5, "prevalence": 0.0, "response": 9.0})
    judge("confounders")
    third = pd.read_csv(paths.table("confounders"))
    assert kept() == drawn
    assert {("cardiomegaly", "sternotomy"), ("sternotomy", "cardiomegaly")} <= flagged(first)
    assert not flagged(second)  # nothing appears
    assert not flagged(third)  # nothing responds
    change_params(
        confounders__flagged={"lift": 0.5, "prevalence": 0.0, "response": 0.1},
        explain__kinds={"sternotomy": ["cardiomegaly"]},
    )
    judge("confounders")
    kin = {("cardiomegaly", "sternotomy"), ("sternotomy", "cardiomegaly")}
    assert not flagged(pd.read_csv(paths.table("confounders"))) & kin  # a kind of it is no confounder
    judged = ["flagged", "appears", "responds"]
    for other in (second, third):
        pd.testing.assert_frame_equal(first.drop(columns=judged), other.drop(columns=judged))


def test_truth_is_known_of_true_twins_alone(drawn):
    judge("confounders")
    table = pd.read_csv(paths.table("confounders")).set_index(PAIR)
    planted = set(table.index[table["planted"]])
    assert planted == {("pacemaker", "sternotomy"), ("sternotomy", "pacemaker")}
    metrics = json.loads(paths.stage_metrics("confounders").read_text())
    assert metrics["pairs"] == metrics["cace"]["pairs"] == len(table) == 4 * 3
    assert metrics["cace"]["rises"] == 2
    assert table.loc[("cardiomegaly", "sternotomy"), "cace"] == pytest.approx(
        2 * table.loc[("cardiomegaly", "sternotomy"), "picture"], rel=1e-4
    )
    change_params(phantom__datasets=[])
    judge("confounders")
    assert not pd.read_csv(paths.table("confounders"))["planted"].any()
