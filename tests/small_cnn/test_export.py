"""The file is scored by onnxruntime, which knows nothing of PyTorch, and read by what it says of itself."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest

from diffchest.errors import DataError
from diffchest.small_cnn.export import read_facts, write_onnx
from diffchest.small_cnn.training import train_cnn
from tests.helpers.repository import ROOT
from tests.helpers.spots import SETTINGS, SIDE, spots

NAMES = ["left", "right, or 'both'"]
TRAINED = train_cnn(*spots(200), NAMES, settings=SETTINGS)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "models" / "small_cnn.onnx"
    write_onnx(path, TRAINED, key="0123abcd")
    return path


def scored(path, pictures):
    """As somebody would who has the file alone."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    said = {name: json.loads(value) for name, value in session.get_modelmeta().custom_metadata_map.items()}
    (only,) = session.get_inputs()
    low, high = said["diffchest.range"]
    x = pictures.astype(np.float32) / 255 * (high - low) + low
    x = (x[:, None] - said["diffchest.mean"][0]) / said["diffchest.sd"][0]
    (logits,) = session.run(None, {only.name: x.astype(np.float32)})
    return logits


@pytest.mark.parametrize("images", [1, 2, 7, 130])
def test_scores_are_those_of_torch_for_any_number_of_radiographs(file, images):
    pictures, _ = spots(images, seed=3)
    found = scored(file, pictures)
    assert found.shape == (images, 2)
    assert found == pytest.approx(TRAINED.logits(pictures), abs=1e-4)
    assert found.dtype == np.float32


def test_the_file_says_what_it_needs(file):
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    said = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert said == {f"diffchest.{name}": value for name, value in read_facts(file).items()}
    assert said["diffchest.size"] == SIDE
    assert said["diffchest.names"] == NAMES
    assert said["diffchest.output"] == "logit"
    assert said["diffchest.channels"] == 1
    assert said["diffchest.training"] == "0123abcd"
    assert [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")] == [18]
    (given,), (out,) = model.graph.input, model.graph.output
    assert [dimension.dim_value for dimension in given.type.tensor_type.shape.dim] == [0, 1, SIDE, SIDE]
    assert [dimension.dim_value for dimension in out.type.tensor_type.shape.dim] == [0, 2]


def test_equal_networks_are_equal_bytes_without_a_trace_of_this_machine(file, tmp_path):
    again = train_cnn(*spots(200), NAMES, settings=SETTINGS)
    write_onnx(tmp_path / "again.onnx", again, key="0123abcd")
    content = file.read_bytes()
    assert (tmp_path / "again.onnx").read_bytes() == content
    assert str(ROOT).encode() not in content
    assert b".py" not in content


def test_writing_leaves_the_network_as_it_was(file):
    pictures, _ = spots(9)
    before = TRAINED.logits(pictures)
    write_onnx(file, TRAINED, key="")
    assert np.array_equal(TRAINED.logits(pictures), before)


def test_what_is_no_such_file_is_told(file, tmp_path):
    with pytest.raises(DataError, match="no such file; run `dvc repro train_cnn`"):
        read_facts(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(DataError, match="not an ONNX file"):
        read_facts(tmp_path / "bad.onnx")
    model = onnx.load(file)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "silent.onnx")
    with pytest.raises(DataError, match=r"without the metadata diffchest\.names"):
        read_facts(tmp_path / "silent.onnx")
