"""How good counterfactuals are, against numbers by hand, and means with redraws made one by one."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from diffchest.contracts.explained import MACRO
from diffchest.counterfactuals.quality import (
    counterfactual_table,
    quality_metrics,
    quality_table,
    side_effects,
    tell_one_radiograph,
    tell_saturated,
    worst,
)
from diffchest.params.evaluation import BootstrapParams
from tests.helpers.toy_drawings import toy_explained

TARGETS = ["A", "B"]
FINDINGS = ["B", "C", "A", "D"]
SPREAD = pd.Series({"A": 2.0, "B": 0.5, "C": 1.5, "D": 3.0})
BOOTSTRAP = BootstrapParams(unit="patient", resamples=200, confidence=0.9, interval="score", seed=3)
MANIFEST = pd.DataFrame({"image_id": list("abcdef"), "patient_id": list("uvwxyy")})
PATIENTS = MANIFEST.set_index("image_id")["patient_id"]


@pytest.fixture
def explained():
    return toy_explained(TARGETS, ["a", "b", "c"], FINDINGS)


def table_of(explained, findings=FINDINGS):
    return counterfactual_table(explained, findings, SPREAD)


def test_side_effects_are_changes_in_standard_deviations(explained):
    change = {
        (row, target, name): (explained.logits_after[row, column, place] - explained.logits_before[row, place])
        / SPREAD[name]
        for row in range(3)
        for column, target in enumerate(TARGETS)
        for place, name in enumerate(FINDINGS)
    }
    own, off = side_effects(explained, ["D", "B"], SPREAD)  # A moves too, and does not count
    for row in range(3):
        assert own[row] == pytest.approx([change[row, "A", "A"], change[row, "B", "B"]])
        of_a = np.mean(np.abs([change[row, "A", name] for name in "BD"]))
        assert off[row] == pytest.approx([of_a, abs(change[row, "B", "D"])])
    assert np.isnan(side_effects(explained, ["A"], SPREAD)[1][:, 0]).all()  # nothing but itself


def test_table_has_a_row_per_radiograph_and_target(explained):
    table = table_of(explained)
    assert list(table["image_id"]) == ["a", "a", "b", "b", "c", "c"]
    assert list(table["target"]) == TARGETS * 3
    after = [explained.logits_after[row, column, FINDINGS.index(name)] for row in range(3)
             for column, name in enumerate(TARGETS)]  # fmt: skip
    wanted = [explained.logits_wanted[row, column, FINDINGS.index(name)] for row in range(3)
              for column, name in enumerate(TARGETS)]  # fmt: skip
    before, own = (logits[:, [2, 0]].ravel() for logits in (explained.logits_before, explained.logits_z))
    assert table["probability_after"].to_numpy() == pytest.approx(expit(after))
    assert table["probability_before"].to_numpy() == pytest.approx(expit(before))
    assert table["probability_wanted"].to_numpy() == pytest.approx(expit(wanted))
    assert table["asked"].to_numpy() == pytest.approx(wanted - own)
    assert table["reached"].to_numpy() == pytest.approx((after - before) / (wanted - own))
    error = np.abs(explained.counterfactual[1, 1] / 255 - explained.original[1] / 255).mean()
    assert table["l1"].iloc[3] == pytest.approx(error)


def test_validity_and_flips_follow_the_direction():
    shaped = {name: np.array([values]) for name, values in {
        "logit_z": [-1.0, -1, 2, 1, -3, 0], "logit_wanted": [1.0, 1, -2, 3, -3, 2], "step": [1.0, 1, 1, 1, 0, 1],
        "logit_before": [-1.0, -1, 2, 1, -3, -1], "logit_after": [0.9, -0.1, -1, 2.9, -3, 0.5],
    }.items()}  # fmt: skip
    names = list("ABCDEF")
    table = counterfactual_table(toy_explained(names, ["a"], **shaped), names, pd.Series(1.0, index=names))
    assert table["reached"].to_numpy() == pytest.approx([0.95, 0.45, 0.75, 0.95, np.nan, 0.75], nan_ok=True)
    assert table["validity"].to_numpy() == pytest.approx([1, 0, 0, 1, np.nan, 0], nan_ok=True)
    assert table["flipped"].to_numpy() == pytest.approx([1, 0, 1, np.nan, np.nan, 1], nan_ok=True)


def test_what_is_reached_on_average_is_the_sum_of_what_is_shown():
    table = pd.DataFrame({"image_id": ["a", "b", "c"], "target": "A", "asked": [4.0, 1e-9, np.nan]})
    table["shown"] = [2.0, 0.5, np.nan]
    quality = quality_table(table, PATIENTS, ["reached"], BOOTSTRAP)
    assert quality["value"].tolist() == pytest.approx([2.5 / 4, 2.5 / 4])
    assert quality["n"].tolist() == [2, 2]


def test_the_worst_counterfactual_shows_least_of_the_change():
    asked = np.array([[4.0, 3.0], [4.0, 3.0], [4.0, 3.0]])
    before = np.zeros((3, 2))
    shown = np.array([[3.0, 0.0], [4.0, 2.0], [-1.0, 3.0]])
    made = toy_explained(TARGETS, ["a", "b", "c"], FINDINGS, logit_z=before, logit_wanted=asked, logit_before=before,
                         logit_after=shown)  # fmt: skip
    failures = worst([made])
    assert failures.image_id == ["c", "a"]
    assert failures.targets == TARGETS
    assert failures.reached == pytest.approx([-0.25, 0])
    assert (failures.counterfactual[1] == made.counterfactual[0, 1]).all()
    assert (failures.original[0] == made.original[2]).all()
    assert failures.logit_after.tolist() == [-1, 0]
    assert failures.number.tolist() == [3, 3]
    unmoved = made.step.copy()
    unmoved[:2] = 0
    assert worst([replace(made, step=unmoved)]).number.tolist() == [1, 1]
    assert worst([replace(made, step=0 * made.step)]).targets == []


@pytest.mark.parametrize(("unit", "groups"), [("patient", "uvwxyy"), ("image", "abcdef")])
def test_quality_is_a_mean_with_redraws_of_the_unit(unit, groups):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"image_id": np.repeat(list("abcdef"), 2), "target": ["A", "B"] * 6, "l1": rng.random(12)})
    table.loc[0, "l1"] = np.nan
    settings = BOOTSTRAP.model_copy(update={"unit": unit})
    quality = quality_table(table, PATIENTS, ["l1"], settings).set_index("target")
    means = table.groupby("target")["l1"].mean()
    assert quality.loc["A", "value"] == pytest.approx(means["A"])
    assert quality["n"].to_dict() == {"A": 5, "B": 6, MACRO: 11}
    assert quality.loc[MACRO, "value"] == pytest.approx(means.mean())
    names = sorted(set(groups))
    draws = np.random.default_rng(BOOTSTRAP.seed).integers(len(names), size=(200, len(names)))
    group = table["image_id"].map(dict(zip("abcdef", groups, strict=True)))  # a radiograph is redrawn with all targets
    rows = {code: np.flatnonzero(group == name) for code, name in enumerate(names)}
    redrawn = [
        table.iloc[np.concatenate([rows[code] for code in draw])].groupby("target")["l1"].mean() for draw in draws
    ]
    low, high = np.nanquantile([means.mean() for means in redrawn], [0.05, 0.95])
    assert (quality.loc[MACRO, "low"], quality.loc[MACRO, "high"]) == pytest.approx((low, high))
    assert quality_metrics(quality.reset_index())["l1_high"] == pytest.approx(high)


def test_targets_of_different_radiographs_are_counted_apart():
    """As where findings are taken away: each from radiographs that have it."""
    table = pd.DataFrame({"image_id": ["a", "b", "b", "c"], "target": list("AABB"), "l1": [1.0, 2.0, 4.0, 8.0]})
    quality = quality_table(table, PATIENTS, ["l1"], BOOTSTRAP).set_index("target")
    assert quality["value"].to_dict() == {"A": 1.5, "B": 6.0, MACRO: 3.75}
    assert quality["n"].to_dict() == {"A": 2, "B": 2, MACRO: 4}


def test_a_measure_that_never_applies_is_nan():
    table = pd.DataFrame({"image_id": ["a", "b"], "target": "A", "flipped": np.nan})
    quality = quality_table(table, PATIENTS, ["flipped"], BOOTSTRAP)
    assert quality["n"].tolist() == [0, 0]
    assert quality[["value", "low", "high"]].isna().all(axis=None)


def test_a_step_beyond_what_the_decoder_can_draw_is_told(capsys):
    table = pd.DataFrame({"image_id": ["a", "b"] * 2, "target": ["A", "A", "B", "B"]})
    table["clipped_fraction"] = [0.2, 0.1, 0.0, 0.06]
    tell_saturated(quality_table(table, PATIENTS, ["clipped_fraction"], BOOTSTRAP))
    told = capsys.readouterr().err
    assert "A: the step drives 15% of the pixels" in told
    assert told.count("\n") == 1


def test_one_patient_has_means_and_no_intervals():
    """Of one radiograph alone, and of a finding that one patient's radiographs count for."""
    one = pd.DataFrame({"image_id": ["e", "f"], "target": "A", "l1": [0.25, 0.75]})  # both of patient y
    found = quality_table(one, PATIENTS, ["l1"], BOOTSTRAP, {}).set_index("target")
    assert found.loc["A", ["n", "value"]].tolist() == [2, 0.5]
    assert found.loc[["A", MACRO], ["low", "high"]].isna().all(axis=None)
    assert found.loc[MACRO, "value"] == 0.5
    by_image = BOOTSTRAP.model_copy(update={"unit": "image"})
    assert quality_table(one, PATIENTS, ["l1"], by_image, {})["low"].notna().all()
    two = pd.DataFrame({"image_id": list("abef"), "target": list("AABB"), "l1": [0.0, 1.0, 0.25, 0.75]})
    found = quality_table(two, PATIENTS, ["l1"], BOOTSTRAP, {}).set_index("target")
    assert found["value"].tolist() == [0.5, 0.5, 0.5]
    assert found["low"].isna().tolist() == [False, True, False]
    assert found.loc["A", ["low", "high"]].tolist() == [0.0, 1.0]


def test_one_radiograph_is_told_before_it_is_judged(capsys):
    tell_one_radiograph(["a", "b"], 2)
    assert capsys.readouterr().err == ""
    tell_one_radiograph(["a"], 1)
    told = capsys.readouterr().err.splitlines()
    assert [line.partition("explain.")[2].partition(" ")[0] for line in told] == ["image_ids", "reconstructions"]
