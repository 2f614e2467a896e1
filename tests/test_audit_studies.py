"""The studies of the audit: their truth is what was drawn, and their rivals find what was put there."""

from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from benchmarks import rivals
from benchmarks.known_phantoms import Condition
from benchmarks.known_truth import people_of, rows_of, true_twins
from benchmarks.studies import flags_by_labels
from benchmarks.studies.fewer_labels import flipped, mistaken
from benchmarks.studies.harm import auc_where, with_finding
from diffchest.audit.cace import with_truth
from diffchest.contracts.twins import CHANGED
from diffchest.findings.vocabulary import DRAWN
from diffchest.phantom.unconfounded import made_up
from tests.helpers.repository import ROOT

SIZE = 32


def test_the_picture_of_flags_draws_the_numbers_of_its_table(tmp_path):
    """The draws that are read have the means that the table prints, and another table is not read on."""
    text = (ROOT / flags_by_labels.COMMITTED).read_text(encoding="utf-8")
    table = flags_by_labels.committed(text)
    printed = {}
    for line in text[text.index("| labelled | outputs audited") :].splitlines()[2:]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        size = int(cells[0].replace(",", ""))
        for rule, flags, lasting in (("before", 3, 7), ("now", 4, 8)):
            printed[size, rule] = [float(cells[flags].split()[0]), float(cells[9]), float(cells[lasting])]
    means = table.groupby(["labelled", "rule"])[["flagged", "false", "lasting"]].mean()
    assert {key: row.round(1).tolist() for key, row in means.iterrows()} == printed
    assert len(table) == 5 * 2 * 5
    flags_by_labels.draw(table, tmp_path / "flags.png")
    with Image.open(tmp_path / "flags.png") as drawn, Image.open(ROOT / "docs/results/flags_by_labels.png") as shown:
        assert np.mean(np.asarray(drawn.convert("L")) != np.asarray(shown.convert("L"))) < 0.02  # fonts may differ


@pytest.mark.parametrize("kind", ["marker", "view", "drain"])
def test_twins_differ_from_their_radiograph_by_what_was_planted(kind, tmp_path):
    condition = Condition(kind, 0.75)
    truth, (_, b) = true_twins(condition, 6, size=SIZE, table=tmp_path, trained_on=[]), condition.pair
    people, has_b = people_of(Condition(kind, 0.5, elsewhere=0.5), 6, seed=2, table=tmp_path)
    assert truth.image_id == [one.image for one in people]
    assert truth.present[:, truth.findings.index(b)].tolist() == has_b.tolist()
    place = {name: row for row, name in enumerate(truth.image_id)}
    for name, picture in zip(truth.twin_id, truth.twin, strict=True):
        image, finding, _ = name.rsplit("|", 2)
        changed = np.abs(picture.astype(int) - truth.original[place[image]]) > CHANGED
        assert finding != b or changed.any()
        if kind == "marker" and finding == b:
            changed[: SIZE // 4, -SIZE // 4 :] = False  # the corner
            assert not changed.any()


def test_the_view_is_not_held_where_it_is_what_was_planted(tmp_path):
    people, _ = people_of(Condition("view", 0.75), 20, seed=0, table=tmp_path)
    assert set(rows_of(people, Condition("view", 0.75))["view"]) == {""}
    assert len(set(rows_of(people, Condition("drain", 0.75))["view"])) > 1


def test_mistaken_labels_are_as_many_and_flipped_ones_are_not():
    labels = (np.random.default_rng(0).random((4000, 3)) < [0.02, 0.2, 0.5]).astype(float)
    wrong = mistaken(labels, 0.1, np.random.default_rng(1))
    assert wrong.sum(axis=0).tolist() == labels.sum(axis=0).tolist()
    lost = ((labels == 1) & (wrong == 0)).sum(axis=0) / labels.sum(axis=0)
    assert lost == pytest.approx([0.1] * 3, abs=0.01)
    other = flipped(labels, 0.1, np.random.default_rng(1))
    assert (other != labels).mean() == pytest.approx(0.1, abs=0.01)


def test_the_auc_where_b_is_dealt_is_that_of_dealing_it():
    rng, people = np.random.default_rng(0), 400
    scores = rng.normal(size=(2 * people, 2)) + np.repeat([1.0, 0.0], people)[:, None] + [0.0, 1.5]
    there = np.repeat([1, 0], people)
    even = np.ones(2 * people)
    assert auc_where(scores, (0.0, 0.0), even) == pytest.approx(roc_auc_score(there, scores[:, 0]))
    against = np.concatenate([scores[:people, 0], scores[people:, 1]])
    assert auc_where(scores, (0.0, 1.0), even) == pytest.approx(roc_auc_score(there, against))
    dealt = [
        roc_auc_score(there, np.where(rng.random(2 * people) < np.repeat([0.3, 0.6], people), *scores.T[::-1]))
        for _ in range(200)
    ]
    assert auc_where(scores, (0.3, 0.6), even) == pytest.approx(np.mean(dealt), abs=0.005)


def test_a_generic_finding_is_gone_with_its_kinds():
    one = made_up(0, seed=0)
    device = with_finding(one, "dual chamber device", there=True)
    assert "dual chamber device" in device.findings
    gone = with_finding(device, "pacemaker", there=False)
    assert not {"pacemaker", "dual chamber device", "single chamber device", "dai"} & set(gone.findings)


def known(number=3000, seed=0):
    """Radiographs whose score is 1 with B, 2 with C, which goes with B; B is a bright corner of the picture."""
    rng = np.random.default_rng(seed)
    b = rng.random(number) < 0.2
    c = rng.random(number) < np.where(b, 0.7, 0.1)
    pictures = rng.integers(90, 110, (number, 16, 16)).astype(np.uint8)
    pictures[b, :4, :4] += 60
    pictures[c, 12:, 12:] += 60
    rows = pd.DataFrame(
        {"patient_id": np.arange(number), "view": "PA", "sex": "F", "age": rng.integers(20, 90, number)}
    )
    labels = pd.DataFrame({"b": b, "c": c}).astype(float)
    scores = (b + 2.0 * c + rng.normal(0, 0.3, number))[:, None]
    return rivals.Labelled(pictures, labels, rows, {}), scores


def test_rivals_that_read_labels_hold_what_goes_with_b():
    labelled, scores = known()
    assert rivals.matched(labelled, scores, ["b", "c"]).ravel() == pytest.approx([1.0, 2.0], abs=0.1)
    assert rivals.pca_probe(labelled, scores, ["b", "c"]).ravel() == pytest.approx([1.0, 2.0], abs=0.15)


def test_occlusion_paints_over_where_b_is():
    labelled, _ = known()
    where = rivals.regions(labelled, ["b", "c"])
    for place, (inside, outside) in enumerate([(slice(0, 4), slice(8, 16)), (slice(12, 16), slice(0, 8))]):
        assert where[place, inside, inside].mean() > 0.5
        assert not where[place, outside, outside].any()

    def score(pictures):
        return pictures[..., :4, :4].mean(axis=(-1, -2))[..., None].astype(float)

    with_b = [labelled.pictures[labelled.labels[name] == 1] for name in ("b", "c")]
    fall = rivals.occlusion(where, with_b, score, labelled.pictures.mean(axis=0)).ravel()
    assert fall[0] > 20
    assert abs(fall[1]) < 1e-9


def test_the_shortcut_test_looks_at_radiographs_with_both_alone():
    before = np.full((4, 8, 8), 100, dtype=np.uint8)
    after = before.copy()
    after[:2] -= 10
    labels = pd.DataFrame({"a": [1, 0, 0, 0], "other": [0, 0, 0, 0]})
    drawn = rivals.Removed([before], [after], [labels])

    def score(pictures):
        return np.repeat(pictures.mean(axis=(-1, -2))[..., None], 2, axis=-1)

    fall = rivals.shortcut_test(drawn, score, ["a", "other"])
    assert fall[0, 0] == pytest.approx(10)
    assert np.isnan(fall[0, 1])


def test_all_findings_of_the_truth_are_those_that_are_drawn(tmp_path):
    truth = true_twins(Condition("independent"), 2, size=SIZE, table=tmp_path, trained_on=[])
    assert truth.findings == list(DRAWN)
    assert len(truth.twin_id) == len(truth.twin) == len(set(truth.twin_id))


def test_the_truth_of_a_study_is_what_its_twins_do_to_the_score(tmp_path):
    """A classifier of brightness: a marker in the corner raises it by what the marker adds."""

    class Brightness:
        outputs, sha256, thresholds = ("goiter",), "bright", MappingProxyType({})

        def logits(self, pictures):
            return pictures.mean(axis=(1, 2))[:, None].astype(np.float32)

    condition = Condition("marker", 0.75)
    truth, (_, b) = true_twins(condition, 6, size=SIZE, table=tmp_path, trained_on=[]), condition.pair
    table = with_truth(
        pd.DataFrame({"target": ["goiter"], "confounder": [b]}), truth.scores(Brightness()), np.array([2.0])
    )
    marked = {name: picture.mean() for name, picture in zip(truth.twin_id, truth.twin, strict=True)}
    sign = np.where(truth.present[:, truth.findings.index(b)], -1, 1)
    other = np.array([marked[f"{name}|{b}|0"] for name in truth.image_id])
    expected = (sign * (other - truth.original.mean(axis=(1, 2)))).mean() / 2
    assert table["cace"].item() == pytest.approx(expected, rel=1e-5)
    assert expected > 0
