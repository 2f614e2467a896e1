"""Which radiographs are moved towards which findings."""

import pandas as pd
import pytest

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.labels import write_labels
from diffchest.counterfactuals.choosing import check_image_ids, choose, choose_radiographs, choose_shown
from diffchest.errors import DataError
from tests.helpers.toy_autoencoder import toy_explain

MANIFEST = pd.DataFrame({"image_id": list("abcdef"), "patient_id": list("uvwxyy")})
LABELS = pd.DataFrame(
    {"goiter": [1, 1, 0, 0, 0, 0], "scoliosis": [0, 1, 1, 0, 0, 0]}, index=MANIFEST["image_id"], dtype="float32"
)


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


@pytest.mark.parametrize(
    ("towards", "measured"),
    [("presence", [(["goiter"], ["c"])]), ("absence", [(["goiter"], ["a"])])],
)
def test_who_may_have_a_finding_is_neither_free_of_it_nor_moved_away_from_it(towards, measured, tmp_path, monkeypatch):
    """b's goiter is uncertain; the cohort counts such labels as absent."""
    monkeypatch.chdir(tmp_path)
    labels = pd.DataFrame({"goiter": [1.0, -1.0, 0.0]}, index=list("abc"), dtype="float32")
    write_labels(paths.labels("set"), labels, blank_is_negative=False, uncertain="zeros")
    rows = pd.DataFrame({"image_id": list("abc"), "patient_id": list("abc"), "role": "test"})
    settings = toy_explain(radiographs=5, reconstructions=2, towards=towards, both_ways=5)
    chosen = choose(Dataset("set", rows), ["goiter"], ["goiter"], settings)
    assert chosen.measured == measured
    assert chosen.shown == measured[0][1]
    assert len(chosen.reconstructed) == 2
    ways = {"presence": [(["goiter"], ["c"])], "absence": [(["goiter"], ["a"])]}
    assert chosen.other == ways[chosen.other_way]
    assert {towards, chosen.other_way} == set(ways)


def test_nobody_to_move_the_other_way_is_told_and_no_error(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    labels = pd.DataFrame({"goiter": [0.0, 0.0]}, index=list("ab"), dtype="float32")
    write_labels(paths.labels("set"), labels, blank_is_negative=False, uncertain="zeros")
    rows = pd.DataFrame({"image_id": list("ab"), "patient_id": list("ab"), "role": "test"})
    chosen = choose(Dataset("set", rows), ["goiter"], ["goiter"], toy_explain(both_ways=5))
    assert chosen.measured == [(["goiter"], ["a", "b"])]
    assert chosen.other == []
    assert "explain.both_ways: none is moved towards absence" in capsys.readouterr().err
