"""The studies that make classifiers with known answers: what is planted is planted, and what is there is kept."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.known_phantoms import (
    ELSEWHERE,
    PLANTED,
    Condition,
    Drawing,
    dealt,
    phantoms_of,
    twins_of,
    with_b,
    with_marker,
)
from benchmarks.studies import view_shortcut
from diffchest.compute.parts import Parts
from diffchest.errors import DataError
from diffchest.findings.vocabulary import DRAWN
from diffchest.phantom.unconfounded import made_up, shows
from diffchest.small_cnn.export import read_facts
from tests.helpers.repository import ROOT

PEOPLE = [made_up(place, seed=0) for place in range(4000)]
SIZE = 32


@pytest.fixture
def drawing(tmp_path):
    return Drawing(SIZE, 0, 1, Parts(tmp_path / "phantoms"))


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize("dose", [1.0, 0.75])
def test_b_goes_with_a_as_often_as_asked_for_and_rarely_elsewhere(kind, dose):
    people, has_b = dealt(Condition(kind, dose), PEOPLE, seed=0)
    has_a = np.array([shows(one.findings, PLANTED[kind][0]) for one in people])
    assert has_b[has_a].mean() == pytest.approx(dose, abs=4 * np.sqrt(dose * (1 - dose) / has_a.sum()))
    assert has_b[~has_a].mean() == pytest.approx(ELSEWHERE, abs=4 * np.sqrt(ELSEWHERE / (~has_a).sum()))
    if kind == "drain":
        assert [shows(one.findings, PLANTED[kind][1]) for one in people] == has_b.tolist()
    if kind == "view":
        assert [one.view == "AP_horizontal" for one in people] == has_b.tolist()


def test_what_is_not_planted_stays_as_it_was():
    for kind in PLANTED:
        people, _ = dealt(Condition(kind, 0.9), PEOPLE[:300], seed=0)
        for one, before in zip(people, PEOPLE, strict=False):
            assert set(one.findings) ^ set(before.findings) <= {PLANTED[kind][1]}
            assert (one.patient, one.sex, one.age) == (before.patient, before.sex, before.age)


def test_names_of_conditions():
    names = [Condition("independent"), Condition("view", 0.75), Condition("confounding", 0), Condition("drain", 1.0)]
    assert [condition.name for condition in names] == ["independent", "view-75", "confounding-0", "drain-100"]


def test_a_marker_is_a_bright_letter_in_the_corner_and_nothing_else(drawing):
    phantoms = phantoms_of(Condition("marker", 1.0), 60, drawing, table=None)
    plain = phantoms_of(Condition("independent"), 60, drawing, table=None)
    assert np.array_equal(phantoms.labels, plain.labels)
    changed = phantoms.pictures != plain.pictures
    assert changed.any(axis=(1, 2)).tolist() == phantoms.has_b.tolist()
    assert phantoms.has_b.sum() >= plain.labels[:, DRAWN.index("alveolar pattern")].sum() > 0
    rows, columns = np.nonzero(changed.any(axis=0))
    assert (rows.max() < SIZE // 4, columns.min() >= 3 * SIZE // 4) == (True, True)
    assert np.array_equal(with_marker(plain.pictures)[phantoms.has_b], phantoms.pictures[phantoms.has_b])


@pytest.mark.parametrize("kind", PLANTED)
def test_twins_differ_by_b_alone(kind, drawing):
    without, having = twins_of(kind, 12, drawing)
    assert without.shape == having.shape == (12, SIZE, SIZE)
    different = (without != having).any(axis=(1, 2))
    assert different.all()
    if kind != "view":  # which moves the diaphragm, too
        assert (without != having).mean() < 0.4


def test_what_was_drawn_is_not_drawn_again(drawing, monkeypatch):
    first = phantoms_of(Condition("drain", 0.75), 30, drawing, table=None)
    monkeypatch.setattr("benchmarks.known_phantoms.draw_picture", None)
    again = phantoms_of(Condition("drain", 0.75), 30, drawing, table=None)
    assert np.array_equal(first.pictures, again.pictures)
    with pytest.raises(TypeError):
        phantoms_of(Condition("drain", 0.5), 30, drawing, table=None)


def test_with_and_without_b_is_the_same_patient():
    one = next(one for one in PEOPLE if "chest drain tube" in one.findings)
    without = with_b(one, "drain", there=False)
    assert set(one.findings) - set(without.findings) == {"chest drain tube"}
    assert set(with_b(without, "drain", there=True).findings) == set(one.findings)


def known(work, *arguments):
    command = [sys.executable, "-m", "benchmarks.studies.known_classifiers", "--work", str(work), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_classifiers_are_trained_once_and_listed_with_what_was_planted(tmp_path):
    tiny = ["--images", "160", "--size", "32", "--epochs", "1", "--many", "2", "--seeds", "1", "--jobs", "1"]
    only = ["--only", "drain-75", "marker-100", "independent"]
    done = known(tmp_path, *tiny, *only)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("trained in") == 5
    table = pd.read_csv(tmp_path / "known.csv").set_index("file")
    names = {f"{name}.onnx" for name in ("drain-75-0", "drain-75-1", "marker-100-0", "independent-0", "independent-1")}
    assert set(table.index) == {path.name for path in tmp_path.glob("*.onnx")} == names
    planted = table.loc["drain-75-1.onnx"]
    assert (planted["a"], planted["b"], planted["dose"]) == ("pneumothorax", "chest drain tube", 0.75)
    assert planted["b_given_a"] > 0.4 > 0.1 > planted["b_elsewhere"]
    assert np.isfinite(planted[["effect", "share_above", "auc_a_random"]].astype(float)).all()
    assert table.loc["independent-0.onnx", ["a", "b", "effect"]].isna().all()
    facts = read_facts(tmp_path / "drain-75-1.onnx")
    scored = {column.removeprefix("auc:") for column in table if column.startswith("auc:")}
    assert set(facts["names"]) <= scored == set(DRAWN)
    written = {path: path.read_bytes() for path in tmp_path.glob("*.*")}
    (tmp_path / "drain-75-0.json").unlink()  # it was stopped here
    again = known(tmp_path, *tiny, *only)
    assert again.stderr.count("trained in") == 1
    assert {path: path.read_bytes() for path in tmp_path.glob("*.*")} == written


def test_doses_of_confounding_need_the_labels(tmp_path):
    stopped = known(tmp_path, "--only", "confounding-strong", "--table", str(tmp_path / "none.csv.gz"))
    assert stopped.returncode == 1
    assert "none.csv.gz: no such table; run `dvc repro tables`" in stopped.stderr


@pytest.fixture
def radiographs(tmp_path):
    """200 files of 100 patients; edema is a spot that is hard to see, and goes with AP, which brightens the picture."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(200):
        ap = rng.random() < 0.5
        edema = rng.random() < (0.8 if ap else 0.1)
        picture = rng.integers(0, 120, (40, 40), dtype=np.uint8) + np.uint8(60 * ap)
        picture[5:8, 5:8] += np.uint8(5 * edema)
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
        findings = "|".join(name for name, there in (("Edema", edema), ("Rare", number == 0)) if there)
        rows.append((f"{number}.png", f"p{number // 2}", "AP" if ap else "PA", findings, "here"))
    pd.DataFrame(rows, columns=["image", "patient_id", "view", "findings", "source"]).to_csv(
        tmp_path / "index.csv", index=False
    )
    return tmp_path


def test_a_classifier_of_real_radiographs_and_what_the_view_does_to_it(radiographs, tmp_path):
    out = tmp_path / "out"
    arguments = ["--images", str(radiographs), "--out", str(out), "--where", "source=here", "--size", "32"]
    arguments += ["--epochs", "10", "--jobs", "1", "--indicator", "AP view", "view=AP"]
    table = view_shortcut.study(view_shortcut.parse(arguments)).set_index("finding")
    assert read_facts(out / "view-0.onnx")["names"] == table.index.tolist() == ["Edema", "AP view"]  # Rare: one patient
    assert pd.read_csv(out / "shortcut.csv")["file"].unique().tolist() == ["view-0.onnx"]
    assert table.loc["AP view", "auc"] > 0.95
    assert table.loc["Edema", "auc"] > 0.75 > max(table.loc["Edema", ["auc:AP", "auc:PA"]])
    assert table.loc["Edema", "gap"] > 0.5
    assert np.isnan(table.loc["AP view", "auc:AP"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "none.csv"], "no such table; name it with --table"),
        (["--by", "scanner"], r"no column 'scanner' \(found image, patient_id, view"),
        (["--where", "source=there"], "no row with source=there; check --where"),
        (["--indicator", "x", "room=1"], "no column 'room'"),
    ],
)
def test_a_table_that_does_not_fit_is_told(radiographs, arguments, message):
    options = view_shortcut.parse(["--images", str(radiographs), "--out", str(radiographs / "out"), *arguments])
    with pytest.raises(DataError, match=message):
        view_shortcut.study(options)


def test_a_file_that_is_no_image_is_named(radiographs):
    (radiographs / "7.png").write_bytes(b"no image")
    options = view_shortcut.parse(["--images", str(radiographs), "--out", str(radiographs / "out"), "--jobs", "1"])
    with pytest.raises(DataError, match=r"7\.png: not a PNG, JPEG or DICOM file; take its row out"):
        view_shortcut.study(options)
