"""Counterfactuals beside their twins, against numbers made one by one."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from diffchest.contracts.explained import MACRO
from diffchest.contracts.head import Head
from diffchest.contracts.latents import Latents
from diffchest.contracts.twins import Twins
from diffchest.contracts.witness import Witness
from diffchest.counterfactuals.twin_quality import TWIN_MEASURES, TwinJudge, twin_table
from diffchest.params.evaluation import BootstrapParams
from tests.helpers.toy_drawings import SIDE, toy_explained

FINDINGS, TARGETS, IDS = ["C", "A", "B"], ["A", "B"], ["a", "b"]
RNG = np.random.default_rng(1)
SPREAD = pd.Series({"A": 2.0, "B": 0.5, "C": 1.5})
THRESHOLD = pd.Series({"A": 0.1, "B": -0.3, "C": 0.0})
BOOTSTRAP = BootstrapParams(unit="image", resamples=50, confidence=0.9, interval="score", seed=3)
PATIENTS = pd.Series(IDS, index=IDS)
EXPLAINED = toy_explained(TARGETS, IDS, FINDINGS)
PICTURES = RNG.integers(0, 256, (5, SIDE, SIDE), dtype=np.uint8)
TWINS = Twins(  # of a three with A and one without B, of b one with B
    image_id=["a", "a", "a", "b", "a"],
    finding=["A", "A", "A", "B", "B"],
    added=np.array([True, True, True, True, False]),
    placement=np.array([0, 1, 3, 0, 0]),
    picture=PICTURES,
    mask=RNG.random(PICTURES.shape) < 0.4,
)
HEAD = Head(FINDINGS, *(RNG.normal(size=shape).astype(np.float32) for shape in ((3, 4), 3, 4)), np.ones(4), "toy")
Z = RNG.normal(size=(5, 4)).astype(np.float32)
PIXELS = SIDE * SIDE
WITNESS = Witness(["B"], RNG.normal(size=(1, PIXELS)), np.zeros(1), np.zeros(PIXELS), np.full(PIXELS, 50.0))


def judge(twins=TWINS):
    latents = Latents(np.array(TWINS.ids), Z, "toy")
    return TwinJudge(twins, HEAD, latents, WITNESS, FINDINGS, SPREAD, THRESHOLD)


def rows(explained=EXPLAINED, *, added=True):
    return judge().rows([explained], added=added).set_index(["image_id", "target"])


def change(picture, image=0):
    return picture.astype(float).ravel() - EXPLAINED.original[image].ravel()


def test_there_is_a_row_for_what_has_a_twin():
    assert list(rows().index) == [("a", "A"), ("b", "B")]
    assert list(rows(added=False).index) == [("a", "B")]


def test_pictures_are_held_against_the_nearest_twin():
    row, moved = rows().loc[("a", "A")], change(EXPLAINED.counterfactual[0, 0])
    cosines = [
        moved @ change(PICTURES[place]) / np.linalg.norm(moved) / np.linalg.norm(change(PICTURES[place]))
        for place in range(3)
    ]
    nearest = int(np.argmax(cosines))
    twin = change(PICTURES[nearest])
    assert row["placement"] == TWINS.placement[nearest]
    assert row["cosine"] == pytest.approx(max(cosines))
    assert (row["size"], row["twin_size"]) == pytest.approx((np.abs(moved).sum(), np.abs(twin).sum()))
    assert row["sparsity"] == pytest.approx(np.mean(np.abs(moved) > 2))
    assert row["twin_sparsity"] == pytest.approx(np.mean(np.abs(twin) > 2))
    inside = np.abs(moved)[TWINS.mask[nearest].ravel()].sum()
    assert row["outside"] == pytest.approx(1 - inside / np.abs(moved).sum())
    assert np.isnan(row["witness_own"])  # it knows B alone


def test_logits_are_changes_in_standard_deviations():
    row = rows().loc[("b", "B")]
    said = {name: HEAD.logits(Z)[3, FINDINGS.index(name)] for name in FINDINGS}
    own = {name: EXPLAINED.logits_z[1, FINDINGS.index(name)] for name in FINDINGS}
    rise = {name: (said[name] - own[name]) / SPREAD[name] for name in FINDINGS}
    assert row["twin_own"] == pytest.approx(rise["B"], rel=1e-4)
    assert row["twin_off_target"] == pytest.approx((abs(rise["A"]) + abs(rise["C"])) / 2, rel=1e-4)
    shown = (EXPLAINED.logits_after[1, 1] - EXPLAINED.logits_before[1]) / SPREAD[FINDINGS].to_numpy()
    assert row["own"] == pytest.approx(shown[2], rel=1e-4)
    assert row["off_target"] == pytest.approx(np.abs(shown[:2]).mean(), rel=1e-4)
    weight = WITNESS.weight[0] / 50
    assert row["witness_own"] == pytest.approx(change(EXPLAINED.counterfactual[1, 1], 1) @ weight, rel=1e-4)
    assert row["twin_witness_own"] == pytest.approx(change(PICTURES[3], 1) @ weight, rel=1e-4)


@pytest.mark.parametrize(
    ("added", "before", "after", "expected"),
    [(True, -0.4, -0.2, 1), (True, -0.4, -0.35, 0), (True, -0.2, 5, np.nan), (False, -0.2, -0.4, 1),
     (False, -0.2, -0.25, 0), (False, -0.4, -9, np.nan)],
)  # fmt: skip
def test_a_flip_crosses_the_findings_own_threshold(added, before, after, expected):
    """That of B is -0.3."""
    logits = {"logit_before": np.full((2, 2), before), "logit_after": np.full((2, 2), after)}
    logits["logit_z"] = np.full((2, 2), before)
    row = rows(toy_explained(TARGETS, IDS, FINDINGS, **logits), added=added).loc[("b" if added else "a", "B")]
    assert row["flipped"] == pytest.approx(expected, nan_ok=True)
    twin = HEAD.logits(Z)[3 if added else 4, 2]
    crossed = float(twin >= -0.3 if added else twin < -0.3)
    assert row["twin_flipped"] == pytest.approx(np.nan if np.isnan(expected) else crossed, nan_ok=True)


def test_a_picture_that_changes_nothing_has_no_direction():
    same = np.repeat(EXPLAINED.original[:, None], 2, axis=1)
    row = rows(replace(EXPLAINED, counterfactual=same)).loc[("a", "A")]
    assert (row["cosine"], row["size"], row["sparsity"]) == (0, 0, 0)
    assert np.isnan(row["outside"])


def test_the_twin_itself_is_perfect():
    pictures = EXPLAINED.counterfactual.copy()
    pictures[0, 0], pictures[1, 1] = PICTURES[1], PICTURES[3]
    masked = replace(TWINS, mask=np.ones_like(TWINS.mask))
    found = judge(masked).rows([replace(EXPLAINED, counterfactual=pictures)], added=True)
    table = twin_table(found, PATIENTS, BOOTSTRAP).set_index(["target", "measure"])["value"]
    assert found["placement"].tolist() == [1, 0]
    for target in (*TARGETS, MACRO):
        values = [table[target, measure] for measure in ("cosine", "size_ratio", "outside")]
        assert values == pytest.approx([1, 1, 0])
    assert table["B", "witness"] == pytest.approx(1)
    assert np.isnan(table["A", "witness"])


def test_ratios_are_of_sums_and_the_rest_are_means():
    table = pd.DataFrame({"image_id": ["a", "b"], "target": "A", "own": [1.0, 3.0], "twin_own": [4.0, 1.0]})
    for name in ("size", "twin_size", "off_target", "twin_off_target", "witness_own", "twin_witness_own"):
        table[name] = [1.0, 2.0]
    for name in ("cosine", "outside", "sparsity", "twin_sparsity", "flipped", "twin_flipped"):
        table[name] = [0.2, 0.6]
    found = twin_table(table, PATIENTS, BOOTSTRAP).set_index(["target", "measure"])
    assert found.loc[("A", "own"), "value"] == pytest.approx(4 / 5)
    assert found.loc[("A", "cosine"), "value"] == pytest.approx(0.4)
    assert found.loc[("A", "size_ratio"), ["value", "low", "high"]].tolist() == pytest.approx([1, 1, 1])
    assert set(found.index.get_level_values("measure")) == set(TWIN_MEASURES)


def test_without_twins_there_is_nothing_to_say():
    none = TWINS.picture[:0]
    empty = Twins([], [], np.empty(0, bool), np.empty(0, np.int64), none, none.astype(bool))
    found = judge(empty).rows([EXPLAINED], added=True)
    assert found.empty
    assert twin_table(found, PATIENTS, BOOTSTRAP).empty
