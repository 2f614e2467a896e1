"""What is read of an ONNX file before it is run, and what is refused: damaged files, weights that are elsewhere."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from diffchest.classifiers.onnx_graph import read_graph
from diffchest.classifiers.opening import open_classifier
from diffchest.errors import DataError
from diffchest.params.classifiers import ClassifierParams
from tests.helpers.tiny_onnx import DESCRIPTOR, expected, linear_onnx, move_weights_out, some_pictures


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    return folder / "m.onnx"


def test_ports_metadata_and_opset(path):
    linear_onnx(path, batch=4, metadata={"names": ["a", "b"], "range": [0, 1]}, opset=15)
    graph = read_graph(path)
    assert (graph.opset, graph.ir_version, graph.external) == (15, 8, [])
    (port,) = graph.inputs
    assert (port.name, port.type, port.shape) == ("x", "FLOAT", (4, 1, 8, 8))
    assert graph.output(None).shape == (4, 2)
    assert graph.described() == {"names": ["a", "b"], "range": [0, 1]}


def test_metadata_that_is_no_json_is_named(path):
    linear_onnx(path)
    model = onnx.load(path)
    helper.set_model_props(model, {"diffchest.names": "goiter, pacemaker", "author": "not ours"})
    onnx.save(model, path)
    with pytest.raises(DataError, match=r"metadata diffchest\.names is 'goiter, pacemaker'; expected JSON"):
        read_graph(path).described()


@pytest.mark.parametrize("content", [b"", b"hello world, this is no model"])
def test_files_that_are_no_models(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match="not an ONNX file"):
        read_graph(path)


def test_paths_that_are_no_files(path):
    with pytest.raises(DataError, match="no such file; give an ONNX file"):
        read_graph(path)
    with pytest.raises(DataError, match="is a folder; give an ONNX file"):
        read_graph(path.parent)


def test_a_model_of_several_inputs_is_no_classifier_of_pictures(path):
    linear_onnx(path)
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("age", TensorProto.FLOAT, ["N"]))
    onnx.save(model, path)
    with pytest.raises(DataError, match=r"takes 2 inputs \('x' FLOAT .*; 'age' FLOAT \[\?\]\)"):
        read_graph(path)


def test_weights_beside_the_file_are_read_and_belong_to_its_identity(path):
    weight = linear_onnx(path)
    move_weights_out(path, "weights.bin")
    params = ClassifierParams(kind="onnx", file=str(path), **DESCRIPTOR)
    classifier = open_classifier(params, source="theirs")
    np.testing.assert_allclose(classifier.logits(some_pictures()), expected(some_pictures(), weight), atol=1e-5)
    assert [name.rsplit("/", 1)[1] for name in classifier.files] == ["m.onnx", "weights.bin"]
    (path.parent / "weights.bin").write_bytes((2 * weight).tobytes())
    assert open_classifier(params, source="theirs").sha256 != classifier.sha256


def test_missing_weights_are_named(path):
    linear_onnx(path)
    move_weights_out(path, "weights.bin", write=False)
    with pytest.raises(DataError, match=r"its weights lie in 'weights\.bin' beside it, and there is no such file"):
        read_graph(path)


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "inner/../../secret.bin", ".", ""])
def test_weights_outside_the_folder_are_never_opened(path, location):
    linear_onnx(path)
    (path.parent.parent / "secret.bin").write_bytes(bytes(1024))
    move_weights_out(path, location, write=False)
    with pytest.raises(DataError, match="lie outside its folder"):
        read_graph(path)


def test_a_link_does_not_lead_outside_either(path):
    linear_onnx(path)
    (path.parent.parent / "secret.bin").write_bytes(bytes(1024))
    (path.parent / "weights.bin").symlink_to(path.parent.parent / "secret.bin")
    move_weights_out(path, "weights.bin", write=False)
    with pytest.raises(DataError, match="lie outside its folder"):
        read_graph(path)


def test_weights_in_constants_and_branches_are_found_too(path):
    """A path may hide in a node's attribute, or in a graph within it."""
    tensor = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [0.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../secret.bin"
    constant = helper.make_node("Constant", [], ["c"])
    attribute = constant.attribute.add()
    attribute.name, attribute.type = "value", onnx.AttributeProto.TENSOR
    attribute.t.CopyFrom(tensor)
    inner = helper.make_graph([constant], "inner", [], [helper.make_tensor_value_info("c", TensorProto.FLOAT, [1])])
    linear_onnx(path)
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match=r"its weights 'hidden' lie outside its folder \('\.\./secret\.bin'\)"):
        read_graph(path)
