"""Explanations against an autoencoder with a closed form, their quality against means and redraws by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from diffchest.contracts.explained import MACRO
from diffchest.counterfactuals.choosing import check_image_ids, choose_radiographs, choose_shown
from diffchest.counterfactuals.explainer import SWEEP, Explainer
from diffchest.counterfactuals.quality import (
    counterfactual_table,
    quality_metrics,
    quality_table,
    tell_saturated,
    worst,
)
from diffchest.errors import DataError
from diffchest.params.evaluation import BootstrapParams
from tests.helpers.toy_autoencoder import LinearAutoencoder, toy_explain, toy_head, toy_radiographs

TARGETS = ["finding 3", "finding 0"]
FINDINGS = ["finding 0", "finding 1", "finding 2"]
COVARIANCE = np.diag([3.0, 2, 1, 1, 0.5, 0.1])
BOOTSTRAP = BootstrapParams(unit="patient", resamples=200, confidence=0.9, seed=3)
MANIFEST = pd.DataFrame({"image_id": list("abcdef"), "patient_id": list("uvwxyy")})
LABELS = pd.DataFrame(
    {"goiter": [1, 1, 0, 0, 0, 0], "scoliosis": [0, 1, 1, 0, 0, 0]}, index=MANIFEST["image_id"], dtype="float32"
)


def explainer(runs, findings=FINDINGS, **settings):
    return Explainer(LinearAutoencoder(), toy_head(), findings, COVARIANCE, toy_explain(edit="eq5", **settings), runs)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def explanation(tmp_path_factory):
    made = explainer(tmp_path_factory.mktemp("runs")).explain(["a", "b", "c"], toy_radiographs(3), TARGETS)
    assert made is not None
    return made


def test_logits_and_changes_agree_with_the_closed_form(explanation):
    weight = toy_head().weight.astype(np.float64)
    gain = 0.2 * np.sum(weight[[3, 0]] ** 2, axis=1)
    assert explanation.logit_wanted - explanation.logit_z == pytest.approx(np.tile(gain, (3, 1)), abs=1e-3)
    assert explanation.logit_after - explanation.logit_before == pytest.approx(np.tile(gain, (3, 1)), abs=0.25)
    spread = np.sqrt(np.einsum("fd,de,fe->f", weight, COVARIANCE, weight))
    assert explanation.own_change == pytest.approx(np.tile(gain / spread[[3, 0]], (3, 1)), abs=0.15)
    change = 0.2 * weight[[3, 0]] @ weight.T / spread  # of every finding, for each target
    off = [np.abs(change[0, [0, 1, 2]]).mean(), np.abs(change[1, [1, 2]]).mean()]
    assert explanation.off_target == pytest.approx(np.tile(off, (3, 1)), abs=0.1)
    assert (explanation.step == 0.2).all()


def test_table_has_a_row_per_radiograph_and_target(explanation):
    table = counterfactual_table(explanation)
    assert list(table["image_id"]) == ["a", "a", "b", "b", "c", "c"]
    assert list(table["target"]) == TARGETS * 3
    assert table["probability_after"].to_numpy() == pytest.approx(expit(explanation.logit_after.ravel()))
    assert table["probability_wanted"].to_numpy() == pytest.approx(expit(explanation.logit_wanted.ravel()))
    assert table["reached"].to_numpy() == pytest.approx(1.0, abs=0.2)
    error = np.abs(explanation.counterfactual[1, 1] / 255 - explanation.original[1] / 255).mean()
    assert table["l1"].iloc[3] == pytest.approx(error)


def test_validity_and_flips_follow_the_direction(explanation):
    shaped = {name: np.array([values]) for name, values in {
        "logit_z": [-1.0, -1, 2, 1, -3, 0], "logit_wanted": [1.0, 1, -2, 3, -3, 2], "step": [1.0, 1, 1, 1, 0, 1],
        "logit_before": [-1.0, -1, 2, 1, -3, -1], "logit_after": [0.9, -0.1, -1, 2.9, -3, 0.5],
    }.items()}  # fmt: skip
    picture = np.zeros((1, 6, 8, 8), dtype=np.uint8)
    made = replace(
        explanation, **shaped, image_id=["a"], targets=list("ABCDEF"), original=picture[:, 0],
        reconstruction=picture[:, 0], counterfactual=picture, own_change=picture[:, :, 0, 0],
        off_target=picture[:, :, 0, 0],
    )  # fmt: skip
    table = counterfactual_table(made)
    assert table["reached"].to_numpy() == pytest.approx([0.95, 0.45, 0.75, 0.95, np.nan, 0.75], nan_ok=True)
    assert table["validity"].to_numpy() == pytest.approx([1, 0, 0, 1, np.nan, 0], nan_ok=True)
    assert table["flipped"].to_numpy() == pytest.approx([1, 0, 1, np.nan, np.nan, 1], nan_ok=True)


def test_what_is_reached_on_average_is_the_sum_of_what_is_shown():
    table = pd.DataFrame({"image_id": ["a", "b", "c"], "target": "A", "asked": [4.0, 1e-9, np.nan]})
    table["shown"] = [2.0, 0.5, np.nan]
    quality = quality_table(table, MANIFEST.set_index("image_id")["patient_id"], ["reached"], BOOTSTRAP)
    assert quality["value"].tolist() == pytest.approx([2.5 / 4, 2.5 / 4])
    assert quality["n"].tolist() == [2, 2]


def test_one_radiograph_can_be_explained_and_swept_in_one_run(tmp_path):
    """What is kept of the one is not taken for the other."""
    made = explainer(tmp_path)
    pixels = toy_radiographs(1)
    first, sweep, reconstructed = (
        made.explain(["a"], pixels, TARGETS),
        made.sweep("a", pixels[0], TARGETS),
        made.reconstruct(pixels),
    )
    assert first is not None
    assert sweep is not None
    assert reconstructed is not None
    assert sweep.counterfactual.shape == (2, len(SWEEP), 16, 16)
    assert (sweep.counterfactual[:, SWEEP.index(1.0)] == first.counterfactual[0]).all()
    assert (reconstructed == first.reconstruction).all()


def test_sweep_goes_from_the_reconstruction_through_the_counterfactual(tmp_path, explanation):
    sweep = explainer(tmp_path).sweep("a", toy_radiographs(3)[0], TARGETS)
    assert sweep is not None
    assert sweep.step == pytest.approx(0.2 * np.tile(SWEEP, (2, 1)), rel=1e-6)
    assert np.abs(sweep.counterfactual[0, 0].astype(int) - explanation.reconstruction[0]).max() <= 1
    whole = SWEEP.index(1.0)
    assert np.abs(sweep.counterfactual[:, whole].astype(int) - explanation.counterfactual[0]).max() <= 1
    gain = np.sum(toy_head().weight[[3, 0]].astype(float) ** 2, axis=1)[:, None]
    assert sweep.logit - sweep.logit[:, :1] == pytest.approx(gain * sweep.step, abs=0.3)


def test_reconstruction_of_what_the_model_can_draw_is_exact(tmp_path):
    pixels = toy_radiographs(3)
    reconstructed = explainer(tmp_path).reconstruct(pixels)
    assert reconstructed is not None
    assert np.abs(reconstructed.astype(int) - pixels).max() <= 1


def test_the_worst_counterfactual_shows_least_of_the_change(explanation):
    after = explanation.logit_after.copy()
    after[2, 0], after[0, 1] = explanation.logit_before[2, 0] - 1, explanation.logit_before[0, 1]
    failures = worst([replace(explanation, logit_after=after)])
    assert failures.image_id == ["c", "a"]
    assert failures.targets == TARGETS
    assert failures.reached[0] < 0
    assert failures.reached[1] == pytest.approx(0, abs=1e-6)
    assert (failures.counterfactual[1] == explanation.counterfactual[0, 1]).all()
    assert failures.number.tolist() == [3, 3]
    unmoved = explanation.step.copy()
    unmoved[:2] = 0
    assert worst([replace(explanation, step=unmoved)]).number.tolist() == [1, 1]
    assert worst([replace(explanation, step=0 * explanation.step)]).targets == []


def test_quality_is_a_mean_with_redraws_of_patients():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"image_id": np.repeat(list("abcdef"), 2), "target": ["A", "B"] * 6, "l1": rng.random(12)})
    table.loc[0, "l1"] = np.nan
    patients = MANIFEST.set_index("image_id")["patient_id"]
    quality = quality_table(table, patients, ["l1"], BOOTSTRAP).set_index("target")
    means = table.groupby("target")["l1"].mean()
    assert quality.loc["A", "value"] == pytest.approx(means["A"])
    assert quality["n"].to_dict() == {"A": 5, "B": 6, MACRO: 11}
    assert quality.loc[MACRO, "value"] == pytest.approx(means.mean())
    draws = np.random.default_rng(BOOTSTRAP.seed).integers(5, size=(200, 5))  # e and f are of one patient
    rows = {code: np.flatnonzero(table["image_id"].map(patients) == name) for code, name in enumerate("uvwxy")}
    redrawn = [
        table.iloc[np.concatenate([rows[code] for code in draw])].groupby("target")["l1"].mean() for draw in draws
    ]
    low, high = np.quantile([means.mean() for means in redrawn], [0.05, 0.95])
    assert (quality.loc[MACRO, "low"], quality.loc[MACRO, "high"]) == pytest.approx((low, high))
    assert quality_metrics(quality.reset_index())["l1_high"] == pytest.approx(high)


def test_a_measure_that_never_applies_is_nan():
    table = pd.DataFrame({"image_id": ["a", "b"], "target": "A", "flipped": np.nan})
    quality = quality_table(table, MANIFEST.set_index("image_id")["patient_id"], ["flipped"], BOOTSTRAP)
    assert quality["n"].tolist() == [0, 0]
    assert quality[["value", "low", "high"]].isna().all(axis=None)


def test_a_step_beyond_what_the_decoder_can_draw_is_told(capsys):
    table = pd.DataFrame({"image_id": ["a", "b"] * 2, "target": ["A", "A", "B", "B"]})
    table["clipped_fraction"] = [0.2, 0.1, 0.0, 0.06]
    tell_saturated(quality_table(table, MANIFEST.set_index("image_id")["patient_id"], ["clipped_fraction"], BOOTSTRAP))
    told = capsys.readouterr().err
    assert "A: the step drives 15% of the pixels" in told
    assert told.count("\n") == 1


def test_radiographs_towards_presence_are_disease_free_and_away_have_the_finding(capsys):
    targets = ["goiter", "scoliosis", "hernia"]
    ((named, free),) = choose_radiographs(MANIFEST, LABELS, targets, toy_explain(radiographs=5))
    assert named == targets
    assert len(free) == 2
    assert free[0] == "d"
    away = choose_radiographs(MANIFEST, LABELS, targets, toy_explain(radiographs=5, towards="absence"))
    assert away == [(["goiter"], ["a", "b"]), (["scoliosis"], ["b", "c"])]
    assert "no test radiograph has 'hernia'" in capsys.readouterr().err
    chosen = choose_radiographs(MANIFEST, LABELS, targets, toy_explain(image_ids=["c"], towards="absence"))
    assert chosen == [(targets, ["c"])]
    with pytest.raises(DataError, match=r"none of the 6 test radiographs has any of \['hernia'\]"):
        choose_radiographs(MANIFEST, LABELS, ["hernia"], toy_explain(towards="absence"))


def test_shown_radiographs_are_taken_in_turn():
    groups = [(["goiter"], ["a", "b"]), (["scoliosis"], ["b", "c"])]
    shown = choose_shown(groups, 2, seed=0)
    assert len(shown) == 2
    assert shown[0] in "ab"
    assert shown[1] in "bc"
    assert sorted(choose_shown(groups, 9, seed=0)) == ["a", "b", "c"]


def test_unknown_image_id_is_an_error():
    manifest = pd.DataFrame({"image_id": ["padchest/1.png", "padchest/2.png"]})
    check_image_ids(["padchest/2.png"], manifest)
    with pytest.raises(DataError, match=r"'padchest/3.png' is not in the manifest; near ids: padchest/"):
        check_image_ids(["padchest/3.png"], manifest)
