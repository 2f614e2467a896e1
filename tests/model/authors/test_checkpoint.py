"""Reading checkpoints of strangers: nothing is executed, and what is no checkpoint is named."""

import argparse
import pickle
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from diffchest.errors import DataError
from diffchest.model.authors.network import load_authors
from tests.helpers.authors_files import (
    Hostile,
    run_command,
    save_checkpoint,
    state_of,
)


def test_hostile_pickle_is_refused_and_not_executed(root, tmp_path):
    trace = tmp_path / "executed"
    hostile = Hostile(f"touch {trace}")
    path = save_checkpoint(tmp_path / "last.ckpt", state_of()[0], callbacks=hostile)
    result = run_command(root, path, "--out", tmp_path / "models")
    assert result.returncode == 1
    assert f"error: {path}: refused, since it holds objects of posix.system" in result.stderr
    assert "Traceback" not in result.stderr
    path.write_bytes(pickle.dumps(hostile, protocol=2))
    with pytest.raises(DataError, match=r"a pickle of Python that `torch.save` did not write"):
        load_authors(path)
    assert not trace.exists()
    pickle.loads(path.read_bytes())  # it would have
    assert trace.exists()


def test_classes_that_are_refused_are_named(tmp_path):
    path = save_checkpoint(tmp_path / "last.ckpt", state_of()[0], where=Path("a"), number=np.float64(1))
    with pytest.raises(DataError, match=r"objects of numpy\._core\.multiarray\.scalar, numpy\.dtype, pathlib"):
        load_authors(path)


def test_lightnings_own_objects_are_read(tmp_path, monkeypatch):
    """Lightning 1.4 keys the states of callbacks by class; hyper-parameters come as a namespace or its own dict."""
    classes = {
        "pytorch_lightning.callbacks.model_checkpoint": type("ModelCheckpoint", (), {}),
        "pytorch_lightning.utilities.parsing": type("AttributeDict", (dict,), {}),
    }
    for module, kind in classes.items():
        for parent in ("pytorch_lightning", module.rpartition(".")[0]):
            monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
        kind.__module__ = module
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
        setattr(sys.modules[module], kind.__name__, kind)
    model_checkpoint, attribute_dict = classes.values()
    more = {
        "callbacks": {model_checkpoint: {"best_model_path": "last.ckpt", "best_model_score": torch.tensor(0.1)}},
        "hyper_parameters": attribute_dict(lr=1e-4),
        "arguments": argparse.Namespace(gpus=[0]),
        "optimizer_states": [{"state": {0: {"step": 1}}, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999)}]}],
    }
    path = save_checkpoint(tmp_path / "last.ckpt", state_of()[0], **more)
    monkeypatch.undo()
    assert load_authors(path).latent_dim == 4


def test_files_that_are_no_checkpoints_are_named(tmp_path, checkpoint):
    whole = checkpoint.read_bytes()
    for content, message in (
        (whole[: len(whole) // 2], "is cut off; download it again"),
        (b"", "is empty; download it again"),
        (b"PK\x03\x04 and no more", "is cut off; download it again"),
        (b"\x80\x02 and no more", "not a whole checkpoint .* download it again"),
        (b"<html>quota exceeded</html>", "a web page, not a checkpoint; give a checkpoint file of the authors"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"a pointer of Git LFS \(`git lfs pull`"),
    ):
        checkpoint.write_bytes(content)
        with pytest.raises(DataError, match=rf"last\.ckpt: {message}"):
            load_authors(checkpoint)
    with pytest.raises(DataError, match=r"other\.ckpt: no such file"):
        load_authors(tmp_path / "other.ckpt")
    with pytest.raises(DataError, match=r"is a folder; give a checkpoint file"):
        load_authors(tmp_path)
    damaged = tmp_path / "last.safetensors"
    damaged.write_bytes(whole[:1000])
    with pytest.raises(DataError, match="is cut off; download it again"):
        load_authors(damaged)
    for content, found in (
        ([1], "a list"),
        ({"weights": 1}, "the keys weights"),
        ({"state_dict": {"a": 1}}, "state_dict"),
    ):
        torch.save(content, checkpoint)
        with pytest.raises(DataError, match=f"tensors in `state_dict`, found .*{found}"):
            load_authors(checkpoint)


def test_damaged_bytes_never_end_in_another_error(tmp_path):
    """Bytes changed anywhere in the pickle of a checkpoint: it loads, or `DataError` says why not."""
    path = save_checkpoint(tmp_path / "last.ckpt", state_of()[0])
    whole = path.read_bytes()
    start, end = whole.index(b"data.pkl"), whole.index(b"ema_model.middle_block")
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(start, end, 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            load_authors(path)
        except DataError:
            refused += 1
    assert refused > 10
