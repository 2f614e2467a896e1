"""A function of the user's own code is called as it is, and what goes wrong in it is told with its name."""

import sys

import numpy as np
import pytest
import torch

from diffchest.classifiers.opening import open_classifier
from diffchest.errors import DataError
from diffchest.params.classifiers import ClassifierParams
from tests.helpers.tiny_onnx import some_pictures

MODULE = """
import numpy as np, torch
CALLS = []
def good(pictures):
    CALLS.append(pictures.shape)
    return np.stack([pictures.mean(axis=(1, 2)), pictures.max(axis=(1, 2))], axis=1)
def tensor(pictures):
    return torch.from_numpy(pictures.astype(np.float32)).mean(dim=(1, 2))
def turned(pictures):
    return good(pictures).T
def fails(pictures):
    raise RuntimeError("out of memory")
def ruins(pictures):
    pictures[:] = 0
    return np.zeros((len(pictures), 2))
not_a_function = 3
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "their_code.py").write_text(MODULE)
    (tmp_path / "their_broken_code.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "their_code", raising=False)


def opened(function, *, names=("goiter", "dark"), **said):
    params = ClassifierParams(kind="python", function=function, output="logit", names=list(names), **said)
    return open_classifier(params, source="theirs")


def test_scores_are_what_it_returns():
    pictures = some_pictures(5)
    found = opened("their_code:good", batch_size=2).logits(pictures)
    np.testing.assert_allclose(found[:, 0], pictures.mean(axis=(1, 2)), rtol=1e-6)
    assert found.dtype == np.float32


def test_it_gets_batches_and_the_size_that_the_descriptor_says():
    opened("their_code:good", batch_size=2, size=16, resize="area").logits(some_pictures(5))
    import their_code

    assert their_code.CALLS[-3:] == [(2, 16, 16), (2, 16, 16), (1, 16, 16)]


def test_a_tensor_of_one_output_will_do():
    found = opened("their_code:tensor", names=["goiter"]).logits(some_pictures(3))
    np.testing.assert_allclose(found, torch.from_numpy(some_pictures(3)).float().mean(dim=(1, 2))[:, None])


def test_what_it_does_to_its_pictures_stays_there():
    pictures = some_pictures(3)
    opened("their_code:ruins").logits(pictures)
    np.testing.assert_array_equal(pictures, some_pictures(3))


def test_the_file_that_it_is_written_in_identifies_it(tmp_path):
    assert list(opened("their_code:good").files) == [str(tmp_path / "their_code.py")]
    assert opened("their_code:good").sha256 != opened("their_code:turned").sha256


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("their_code:turned", r"scores of 3 pictures have shape \[2, 3\], expected \[3, 2\]"),
        ("their_code:tensor", r"shape \[3\], expected \[3, 2\]"),
        ("their_code:fails", "their_code:fails raised RuntimeError: out of memory"),
        ("their_code:missing", "their_code has no function 'missing'; it has good, tensor, turned, fails, ruins"),
        ("their_code:not_a_function", "their_code has no function 'not_a_function'"),
        ("no_such_module:good", "no module 'no_such_module'; put its folder on PYTHONPATH"),
        ("their_broken_code:good", "importing their_broken_code raised ZeroDivisionError"),
    ],
)
def test_what_goes_wrong_is_told(function, message):
    with pytest.raises(DataError, match=message):
        opened(function).logits(some_pictures(3))
