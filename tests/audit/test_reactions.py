"""What a score responds to, where it is known what was added."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from diffchest.audit.reactions import (
    flagged,
    label_responses,
    mean_moves,
    picture_changes,
    reactions,
    responding,
    with_aucs,
)
from diffchest.params.audit import ModelErrorParams
from tests.helpers.toy_autoencoder import DIMENSIONS, TOY_AUDIT, toy_head, toy_moves
from tests.helpers.toy_drawings import TOY_FINDINGS as FINDINGS
from tests.helpers.toy_drawings import toy_classified, toy_interventions

SEEING = {"target_auc_low": 0.7, "confounder_auc_low": 0.6}


def world(n=4000, seed=0):
    """A classifier of pneumothorax that looks at drains, which come with it, and at nothing else."""
    rng = np.random.default_rng(seed)
    pneumothorax = rng.random(n) < 0.2
    drain = rng.random(n) < np.where(pneumothorax, 0.6, 0.05)
    goiter = rng.random(n) < np.where(drain, 0.5, 0.1)  # goes with drains, and does nothing
    labels = pd.DataFrame({"drain": drain, "pneumothorax": pneumothorax, "goiter": goiter}).astype(float)
    rows = pd.DataFrame({"view": "PA", "sex": "F", "age": 60.0, "patient_id": np.arange(n).astype(str)})
    logits = np.stack([3.0 * drain, 2.0 * drain + pneumothorax, 0.0 * goiter], axis=1) + rng.normal(size=(n, 3))
    return labels, rows, logits


def judged(rule=TOY_AUDIT, **own):
    labels, rows, logits = world()
    present = np.zeros((4, 3), dtype=bool)
    still = np.zeros((4, 3))
    drawn = {"logits_base": still, "logits_picture": np.zeros((4, 3, 3)), "logits_random": np.zeros((4, 2, 3))}
    classified = toy_classified(FINDINGS, logits, **(drawn | {"weight": np.zeros((3, DIMENSIONS))} | own))
    moves = toy_moves(toy_head(3), findings=FINDINGS, threshold=np.zeros(3))
    moved = moves.__class__(**{**vars(moves), "alone": np.ones((3, 1, DIMENSIONS)), "share": np.ones((3, 1))})
    table = reactions(classified, toy_interventions(present), moved, labels, rows, kinds={}, rule=rule)
    return table.set_index(["target", "confounder"]), classified


def test_a_response_is_what_was_added_and_what_goes_with_it_is_held():
    table, classified = judged()
    spread = classified.spread
    assert table.loc[("pneumothorax", "drain"), "response"] == pytest.approx(2.0 / spread[1], abs=0.05)
    assert table.loc[("pneumothorax", "drain"), "responds"] == "rises"
    goiter = table.loc[("pneumothorax", "goiter")]
    assert goiter["response"] == pytest.approx(0, abs=0.1)
    assert goiter["responds"] == ""
    labels = world()[0]
    with_goiter = classified.logits_finetune[labels["goiter"] == 1, 1].mean()
    assert with_goiter - classified.logits_finetune[labels["goiter"] == 0, 1].mean() > 0.5  # it does go with it
    assert len(table) == 6  # no finding responds to itself


def test_the_interval_is_wider_by_what_the_model_is_wrong():
    narrow, _ = judged()
    wrong = ModelErrorParams(absolute=0.3, relative=0.2)
    wide, _ = judged(TOY_AUDIT.model_copy(update={"model_error": wrong}))
    freedom = 4000 - 6  # three findings, age and its square are one column too few, and the mean
    factor = stats.t.ppf(0.975, freedom)
    half = [(table["response_high"] - table["response_low"]).to_numpy() / 2 / factor for table in (narrow, wide)]
    response = narrow["response"].to_numpy()
    assert half[1] == pytest.approx(np.sqrt(half[0] ** 2 + 0.3**2 + (0.2 * response) ** 2), rel=1e-3)
    for table, by_chance in ((narrow, half[0]), (wide, np.sqrt(half[0] ** 2 + 0.3**2))):
        expected = 2 * stats.t.sf(np.abs(response / by_chance), freedom)
        assert table["response_p"].to_numpy() == pytest.approx(expected, rel=1e-2, abs=1e-12)


def test_too_few_radiographs_have_no_response_by_labels(capsys):
    """Rather than intervals that say nothing: as many fitted numbers as half the radiographs, or more."""
    rng = np.random.default_rng(0)
    labels = pd.DataFrame(rng.random((40, 30)) < 0.4, columns=[f"finding {row}" for row in range(30)]).astype(float)
    rows = pd.DataFrame({"view": "PA", "sex": "F", "age": 60.0, "patient_id": range(40)})
    wrong = ModelErrorParams(absolute=0.1, relative=0.1)
    asked = {"kinds": {}, "model_error": wrong}
    table = label_responses(["a"], rng.normal(size=(40, 1)), ["finding 0"], labels, rows, **asked)
    assert table[["response", "response_low", "response_p"]].isna().all(axis=None)
    assert "40 radiographs are too few to hold 31 findings" in capsys.readouterr().err
    assert (responding(table.assign(response_p_adjusted=table["response_p"]), TOY_AUDIT) == "").all()


def test_noise_is_flagged_no_more_often_than_its_rate():
    """40 labels, 100 radiographs: few, and enough to hold them."""
    hits = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        names = [f"finding {row}" for row in range(40)]
        labels = pd.DataFrame(rng.random((100, 40)) < 0.3, columns=names).astype(float)
        rows = pd.DataFrame({"view": "PA", "sex": "F", "age": 60.0, "patient_id": range(100)})
        wrong = ModelErrorParams(absolute=0.0, relative=0.0)
        scores = rng.normal(size=(100, 5))
        table = label_responses(list("abcde"), scores, names, labels, rows, kinds={}, model_error=wrong)
        hits.append((table["response_p"] < 0.05).mean())
    assert np.mean(hits) < 0.09


def test_a_confounder_appears_raises_the_score_and_is_no_kind_of_it():
    pair = {"target": "goiter", "confounder": "ring", "appears": True, "responds": "rises"} | SEEING
    device = pair | {"target": "pacemaker", "confounder": "dual chamber device"}
    rows = [pair, pair | {"responds": "falls"}, pair | {"appears": False}, pair | {"responds": ""}, device]
    assert flagged(pd.DataFrame(rows), {}).tolist() == [True, False, False, False, False]
    assert not flagged(pd.DataFrame(rows), {"ring": ["goiter"]}).any()


def test_a_pair_of_a_head_that_may_be_blind_is_not_flagged():
    """As of an AUC of 0.64 (0.32 to 0.90), whichever of the two it is, and where no labels told."""
    pair = {"target": "goiter", "confounder": "ring", "appears": True, "responds": "rises"} | SEEING
    rows = [pair] + [pair | {name: low} for name in SEEING for low in (0.32, 0.5, np.nan)]
    assert flagged(pd.DataFrame(rows), {}).tolist() == [True] + [False] * 6


def test_each_pair_has_the_aucs_of_both_outputs():
    classified = toy_classified(["a", "b"], np.eye(2), auc=np.array([0.9, 0.64]), auc_low=np.array([0.8, 0.32]))
    told = with_aucs(pd.DataFrame({"target": ["a", "b"], "confounder": ["b", "unscored"]}), classified)
    assert told[["target_auc", "target_auc_low"]].to_numpy().tolist() == [[0.9, 0.8], [0.64, 0.32]]
    assert told[["confounder_auc", "confounder_auc_low"]].iloc[0].tolist() == [0.64, 0.32]
    assert told[["confounder_auc", "confounder_auc_low"]].iloc[1].isna().all()


def test_falls_are_findings_too_and_small_or_unsure_ones_are_none():
    pair = {"response": -0.6, "response_p_adjusted": 0.05}
    rows = [pair, pair | {"response": 0.6}, pair | {"response": 0.4}, pair | {"response_p_adjusted": 0.06}]
    assert responding(pd.DataFrame(rows), TOY_AUDIT).tolist() == ["falls", "rises", "", ""]


def test_what_is_taken_out_counts_with_its_sign_turned():
    present = np.array([[True, False, False], [False, True, False], [False, False, False], [True, True, False]])
    still, picture = np.ones((4, 3)), np.ones((4, 3, 3))
    picture[:, 0, 1] = np.where(present[:, 0], 1 - 2.0, 1 + 2.0)  # drains raise pneumothorax by 2
    picture[3, 0, 1] = 1 - 4.0  # where both are there, by 4
    random = 1 + np.zeros((4, 2, 3))
    random[:, 1, 1] = 1.5
    finetune = np.random.default_rng(0).normal(0, 2, (500, 3))
    classified = toy_classified(
        FINDINGS, finetune, logits_base=still, logits_picture=picture, logits_random=random,
        weight=np.zeros((3, DIMENSIONS)),
    )  # fmt: skip
    drawn = toy_interventions(present)
    changes = picture_changes(classified, drawn)[:, 0, 1] * classified.spread[1]
    assert changes == pytest.approx([2.0, 2.0, 2.0, 4.0])
    labels = pd.DataFrame(np.random.default_rng(1).random((500, 3)) < 0.3, columns=FINDINGS).astype(float)
    rows = pd.DataFrame({"view": "PA", "sex": "F", "age": 60.0, "patient_id": range(500)})
    moves = toy_moves(toy_head(3), findings=FINDINGS)
    table = reactions(classified, drawn, moves, labels, rows, kinds={}, rule=TOY_AUDIT)
    row = table.set_index(["target", "confounder"]).loc[("pneumothorax", "drain")] * 1
    spread = classified.spread[1]
    means = {"": 2.5, "_put_in": 2.0, "_taken_out": 3.0, "_a_absent": 2.0, "_a_present": 3.0, "_random": 0.5}
    assert {name: row[f"picture{name}"] * spread for name in means} == pytest.approx(means)
    half = stats.t.ppf(0.975, 3) * np.std([2, 2, 2, 4], ddof=1) / 2 / spread
    assert [row["picture_low"], row["picture_high"]] == pytest.approx([2.5 / spread - half, 2.5 / spread + half])
    never_a = table[(table["target"] == "goiter") & (table["confounder"] == "drain")]
    assert np.isnan(never_a["picture_a_present"]).all()


def test_the_move_of_a_finding_is_the_mean_of_its_ways():
    alone = np.zeros((3, 2, DIMENSIONS))
    alone[0] = [[1.0] * DIMENSIONS, [3.0] * DIMENSIONS]
    alone[1:, 1] = np.nan
    share = np.array([[0.75, 0.25], [1.0, 0.0], [1.0, 0.0]])
    moves = toy_moves(toy_head(3), alone=alone, share=share)
    assert mean_moves(moves, ["finding 0", "finding 2"]) == pytest.approx(np.array([[1.5] * 6, [0.0] * 6]))


def test_without_findings_there_are_no_pairs():
    rng = np.random.default_rng(0)
    labels = pd.DataFrame((rng.random((60, 2)) < 0.4) * 1.0, columns=["a", "b"])
    rows = pd.DataFrame({"view": "PA", "sex": "F", "age": 60.0, "patient_id": range(60)})
    asked = {"kinds": {}, "model_error": ModelErrorParams(absolute=0.1, relative=0.1)}
    table = label_responses(["a"], rng.normal(size=(60, 1)), [], labels, rows, **asked)
    assert table.empty
    assert "response_p" in table
