"""Programs of torch are loaded only where they are trusted; pickles never."""

import pickle
import zipfile

import numpy as np
import pytest
import torch

from diffchest.classifiers.opening import open_classifier
from diffchest.classifiers.torch_program import program_kind
from diffchest.errors import DataError
from diffchest.params.classifiers import ClassifierParams
from tests.helpers.tiny_onnx import DESCRIPTOR, SIZE, expected, some_pictures, weights


class Linear(torch.nn.Module):
    """Scores linear in the pixels; `extra`: a second output."""

    def __init__(self, extra: bool = False):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.from_numpy(weights()))
        self.extra = extra

    def forward(self, x):
        """[N, 1, S, S] to [N, 2]."""
        scores = x.flatten(1) @ self.weight.T
        return (scores, x) if self.extra else scores


PICTURES = torch.zeros(3, 1, SIZE, SIZE)
BATCHES = ({0: torch.export.Dim("N")},)


def script(path, **more):
    torch.jit.save(torch.jit.trace(Linear(**more).eval(), PICTURES), path)


def export(path, **more):
    torch.export.save(torch.export.export(Linear(**more).eval(), (PICTURES,), dynamic_shapes=BATCHES), path)


def opened(path, **said):
    params = ClassifierParams(kind="torch", file=str(path), **{**DESCRIPTOR, "trusted": True, **said})
    return open_classifier(params, source="theirs")


@pytest.mark.parametrize(("write", "kind"), [(script, "TorchScript"), (export, "torch.export")])
def test_scores_of_a_trusted_program(tmp_path, write, kind):
    write(tmp_path / "m.pt2")
    assert program_kind(tmp_path / "m.pt2") == kind
    found = opened(tmp_path / "m.pt2", batch_size=4).logits(some_pictures())
    np.testing.assert_allclose(found, expected(some_pictures(), weights()), atol=1e-5)


@pytest.mark.parametrize("write", [script, export])
def test_a_program_that_is_not_trusted_is_not_loaded(tmp_path, write, monkeypatch):
    write(tmp_path / "m.pt")
    for module, name in ((torch.jit, "load"), (torch.export, "load"), (torch, "load")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(DataError, match=r"may run code when it is loaded.*`trusted: true`; better, export it as ONNX"):
        opened(tmp_path / "m.pt", trusted=False)


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def test_pickles_and_weights_alone_are_refused_even_if_trusted(tmp_path):
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps(Bomb()))
    torch.save({"bomb": Bomb()}, tmp_path / "zip.pt")
    torch.save(Linear().state_dict(), tmp_path / "weights.pt")
    for name in ("pickle.pt", "zip.pt", "weights.pt"):
        with pytest.raises(DataError, match=r"no program of TorchScript or torch\.export"):
            opened(tmp_path / name)


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(DataError, match="no such file; give a program"):
        opened(tmp_path / "m.pt")
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("m/code/model.py", "no program")
    with pytest.raises(DataError, match=r"m\.pt: torch .* cannot load it \(.*\); export it again"):
        opened(tmp_path / "m.pt")


def test_a_program_that_cannot_score_these_pictures_is_told(tmp_path):
    script(tmp_path / "m.pt")
    with pytest.raises(DataError, match=r"cannot score pictures \[7, 1, 9, 9\] .*check size"):
        opened(tmp_path / "m.pt", size=9).logits(some_pictures())


def test_a_program_of_several_outputs_is_told(tmp_path):
    script(tmp_path / "m.pt", extra=True)
    with pytest.raises(DataError, match="puts out a tuple; export a model that returns scores alone"):
        opened(tmp_path / "m.pt").logits(some_pictures())
