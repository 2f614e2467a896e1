"""What all kinds have in common: batches, names, notices."""

import numpy as np
import pytest

from diffchest.classifiers.outputs import Outputs
from diffchest.classifiers.scored import Scored
from diffchest.errors import DataError
from tests.helpers.tiny_onnx import described, some_pictures


def scored(function, kind="logit", names=("a", None, "c"), **more):
    return Scored("theirs", function, described(Outputs(kind, names, findings={"c": "goiter"})), "sha", {}, **more)


def three(pictures):
    return np.stack([pictures.mean(axis=(1, 2)) / 300 + shift for shift in (0.0, 0.05, 0.1)], axis=1)


def test_outputs_are_called_by_our_names_and_come_in_batches():
    sizes = []

    def score(pictures):
        sizes.append(len(pictures))
        return three(pictures)

    classifier = scored(score, batch_size=3)
    assert classifier.outputs == ["a", "goiter"]
    np.testing.assert_allclose(classifier.logits(some_pictures(7)), three(some_pictures(7))[:, [0, 2]], rtol=1e-6)
    assert sizes == [3, 3, 1]


def test_labels_that_exclude_each_other_are_told(capsys):
    scored(three, kind="softmax")
    assert "note: theirs: its labels exclude each other (softmax)" in capsys.readouterr().err
    scored(three, kind="probability")
    assert capsys.readouterr().err == ""


def test_clipping_is_told_once(capsys):
    classifier = scored(lambda pictures: np.tile([0.0, 0.5, 1.0], (len(pictures), 1)), kind="probability")
    for _ in range(2):
        classifier.logits(some_pictures(2))
    assert capsys.readouterr().err.count("4 of 4 probabilities are nearer to 0 or 1 than 1e-06") == 1


@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (3, 3), (2,), (2, 3, 1)])
def test_scores_of_another_shape_are_refused(shape):
    with pytest.raises(DataError, match=r"expected \[2, 3\]: a row per picture and a column per name"):
        scored(lambda _: np.zeros(shape)).logits(some_pictures(2))
