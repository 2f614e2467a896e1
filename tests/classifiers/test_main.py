"""`python -m diffchest.classifiers`: what is read of a classifier, and a line per radiograph."""

import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from diffchest.classifiers.__main__ import main
from diffchest.progress import run
from tests.helpers.tiny_onnx import DESCRIPTOR, expected, linear_onnx, some_pictures

SIZE = 16  # the smallest file that is a radiograph


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "films").mkdir()
    for number, pixels in enumerate(some_pictures(3, SIZE)):
        Image.fromarray(pixels).save(tmp_path / "films" / f"{number}.png")
    (tmp_path / "films" / "notes.txt").write_text("no radiograph")
    linear_onnx(tmp_path / "m.onnx", size=SIZE, metadata={**DESCRIPTOR, "size": SIZE})
    return tmp_path


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["classifiers", *map(str, words)])
    run(main)


def test_scores_of_a_folder(folder, monkeypatch, capsys):
    out = folder / "scores.csv"
    call(monkeypatch, folder / "films", "--classifier", folder / "m.onnx", "--size", SIZE, "--out", out)
    told = capsys.readouterr().out
    assert "output:  logit: goiter, pacemaker" in told
    assert f"polarity: read from {folder / 'm.onnx'}, metadata" in told
    table = pd.read_csv(out)
    assert table["image"].tolist() == [str(folder / "films" / f"{number}.png") for number in range(3)]
    weight = linear_onnx(folder / "again.onnx", size=SIZE)
    np.testing.assert_allclose(table[["goiter", "pacemaker"]], expected(some_pictures(3, SIZE), weight), atol=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.png", "--classifier", "m.onnx"], "^error: .*none.png: no such file"),
        (
            ["m.onnx", "--classifier", "m.onnx"],
            "^error: .*m.onnx: not a PNG, JPEG or DICOM file; expected a radiograph",
        ),
        (["empty", "--classifier", "m.onnx"], r"^error: .*empty: no \.png, .* file in this folder"),
        (["films", "--descriptor", "none.yaml"], "^error: .*none.yaml: no such file"),
        (
            ["films", "--descriptor", "own.yaml"],
            "^error: own.yaml: kind is own, and our own head is opened by an audit only",
        ),
        (
            ["films", "--classifier", "m.onnx", "--out", "empty"],
            "^error: empty: is a folder; --out takes the CSV file to write, such as empty/scores.csv",
        ),
        (["films", "--classifier", "bare.onnx"], r"^error: .*bare.onnx: 7 field\(s\) are missing"),
    ],
)
def test_mistakes_end_in_a_line(folder, monkeypatch, words, message):
    (folder / "empty").mkdir()
    linear_onnx(folder / "bare.onnx")
    (folder / "own.yaml").write_text("kind: own\n")
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit, match=message):
        call(monkeypatch, *words)


@pytest.mark.parametrize("size", [0, -5])
def test_a_size_that_is_none_is_a_mistake_of_the_command_line(folder, monkeypatch, capsys, size):
    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, folder / "films", "--classifier", folder / "m.onnx", "--size", size)
    assert ended.value.code == 2
    assert f"argument --size: expected a whole number, 1 or more, found '{size}'" in capsys.readouterr().err


def test_a_classifier_must_be_named(folder, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        call(monkeypatch, folder / "films")
    assert "give --classifier, --descriptor or both" in capsys.readouterr().err
