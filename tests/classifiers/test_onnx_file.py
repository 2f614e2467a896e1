"""Scores of ONNX files are those of the network written in them, and what cannot be run says why."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from diffchest.classifiers.opening import open_classifier
from diffchest.errors import DataError
from diffchest.params.classifiers import ClassifierParams
from tests.helpers.tiny_onnx import DESCRIPTOR, expected, linear_onnx, some_pictures, weights


def opened(path, **said):
    return open_classifier(ClassifierParams(kind="onnx", file=str(path), **{**DESCRIPTOR, **said}), source="theirs")


@pytest.mark.parametrize("batch", ["N", 1, 3, 7])
@pytest.mark.parametrize("batch_size", [2, 64])
def test_scores_are_the_networks_whatever_the_batch(tmp_path, batch, batch_size):
    """A batch that the file fixes is filled up."""
    weight = linear_onnx(tmp_path / "m.onnx", batch=batch)
    pictures = some_pictures(7)
    found = opened(tmp_path / "m.onnx", batch_size=batch_size).logits(pictures)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(pictures, weight), atol=1e-5)


def test_no_pictures_have_no_scores(tmp_path):
    linear_onnx(tmp_path / "m.onnx")
    assert opened(tmp_path / "m.onnx").logits(some_pictures(0)).shape == (0, 2)


@pytest.mark.parametrize(
    ("kind", "tolerance"), [(TensorProto.FLOAT16, 0.02), (TensorProto.DOUBLE, 1e-6), (TensorProto.FLOAT, 1e-5)]
)
def test_inputs_of_other_precisions(tmp_path, kind, tolerance):
    weight = linear_onnx(tmp_path / "m.onnx", kind=kind)
    np.testing.assert_allclose(
        opened(tmp_path / "m.onnx").logits(some_pictures()), expected(some_pictures(), weight), atol=tolerance
    )


def test_three_channels_get_the_same_gray_normalised_each(tmp_path):
    weight = linear_onnx(tmp_path / "m.onnx", channels=3)
    mean, sd = [0.1, -0.2, 0.3], [0.5, 1.0, 2.0]
    pictures = some_pictures()
    gray = pictures.reshape(len(pictures), 1, -1) / 127.5 - 1.0
    x = (gray - np.array(mean)[:, None]) / np.array(sd)[:, None]
    found = opened(tmp_path / "m.onnx", channels=3, mean=mean, sd=sd).logits(pictures)
    np.testing.assert_allclose(found, x.reshape(len(pictures), -1) @ weight.T, atol=1e-5)


def test_channels_last(tmp_path):
    """The same weights on [N, H, W, 1]: a gray picture flattens alike."""
    weight = weights()
    nodes = [
        helper.make_node("Flatten", ["x"], ["features"]),
        helper.make_node("Gemm", ["features", "W"], ["scores"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8, 8, 1])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor("W", TensorProto.FLOAT, weight.shape, weight.ravel())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    found = opened(tmp_path / "m.onnx", layout="NHWC").logits(some_pictures())
    np.testing.assert_allclose(found, expected(some_pictures(), weight), atol=1e-5)


def test_a_graph_that_takes_bytes_gets_gray_levels(tmp_path):
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["f"], ["features"]),
        helper.make_node("Gemm", ["features", "W"], ["scores"], transB=1),
    ]
    path = tmp_path / "m.onnx"
    linear_onnx(path, nodes=nodes)
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    onnx.save(model, path)
    with pytest.raises(DataError, match=r"gray levels; set range: \[0, 255\], mean: 0, sd: 1"):
        opened(path)
    found = opened(path, range=[0.0, 255.0]).logits(some_pictures())
    flat = some_pictures().reshape(7, -1).astype(np.float64)
    np.testing.assert_allclose(found, flat @ weights().T, rtol=1e-4, atol=1e-2)


def test_of_several_outputs_one_is_named(tmp_path):
    path = tmp_path / "m.onnx"
    weight = linear_onnx(path, second_output=True)
    with pytest.raises(
        DataError, match=r"several outputs; say which in `output_name`: 'scores' FLOAT \[\?, 2\]; 'feat"
    ):
        opened(path)
    with pytest.raises(DataError, match="has no output 'score'; set `output_name` to one of: 'scores'"):
        opened(path, output_name="score")
    found = opened(path, output_name="scores").logits(some_pictures())
    np.testing.assert_allclose(found, expected(some_pictures(), weight), atol=1e-5)


def test_an_opset_too_new_says_how_to_export(tmp_path):
    path = tmp_path / "m.onnx"
    linear_onnx(path, opset=99)
    with pytest.raises(DataError, match=r"opset 99 and format 8, too new for onnxruntime .*opset_version=17"):
        opened(path)


def test_a_file_format_too_new_says_so_too(tmp_path):
    path = tmp_path / "m.onnx"
    linear_onnx(path)
    model = onnx.load(path)
    model.ir_version = 99
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="too new for onnxruntime"):
        opened(path)


def test_operators_that_are_not_there_are_told(tmp_path):
    path = tmp_path / "m.onnx"
    linear_onnx(path)
    model = onnx.load(path)
    model.graph.node[1].domain = "their.own"
    model.opset_import.append(helper.make_opsetid("their.own", 1))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="operators of its own, which are not loaded since they are code"):
        opened(path)


def test_providers_that_are_not_here_are_told(tmp_path):
    path = tmp_path / "m.onnx"
    weight = linear_onnx(path)
    absent = "CUDAExecutionProvider" if "CUDAExecutionProvider" not in onnxruntime.get_available_providers() else "None"
    with pytest.raises(DataError, match=rf"providers \['{absent}'\] are not on this machine.*add CPUExecutionProvider"):
        opened(path, providers=[absent])
    found = opened(path, providers=[absent, "CPUExecutionProvider"]).logits(some_pictures())
    np.testing.assert_allclose(found, expected(some_pictures(), weight), atol=1e-5)


def test_what_a_graph_cannot_do_with_a_picture_is_told(tmp_path):
    """Its input claims any side, its weights do not."""
    path = tmp_path / "m.onnx"
    linear_onnx(path)
    model = onnx.load(path)
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = "side"
    onnx.save(model, path)
    with pytest.raises(DataError, match=r"cannot score pictures \[7, 1, 9, 9\].*check size"):
        opened(path, size=9).logits(some_pictures())


def test_an_output_that_is_no_array_is_told(tmp_path):
    path = tmp_path / "m.onnx"
    linear_onnx(path)
    model = onnx.load(path)
    model.graph.output[0].type.CopyFrom(
        helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    )
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match=r"no array of scores; .*zipmap"):
        opened(path)


def test_more_scores_than_names_are_told_where_the_graph_does_not_say(tmp_path):
    path = tmp_path / "m.onnx"
    linear_onnx(path)
    model = onnx.load(path)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match=r"scores of 7 pictures have shape \[7, 2\], expected \[7, 3\].*check `names`"):
        opened(path, names=["a", "b", "c"]).logits(some_pictures())


def test_scores_of_a_convolution_keep_their_two_axes(tmp_path):
    """[N, K, 1, 1], as a network that ends in a global pool puts out."""
    path = tmp_path / "m.onnx"
    weight = weights().reshape(2, 1, 8, 8)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "W"], ["scores"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 2, 1, 1])],
        [helper.make_tensor("W", TensorProto.FLOAT, weight.shape, weight.ravel())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    np.testing.assert_allclose(opened(path).logits(some_pictures()), expected(some_pictures(), weights()), atol=1e-5)
