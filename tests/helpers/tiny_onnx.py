"""ONNX files of a few nodes: scores that are linear in the pixels, so that what they must be is known."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from diffchest.classifiers.described import Described
from diffchest.classifiers.outputs import Outputs
from diffchest.classifiers.preprocess import Picture

SIZE = 8
RANGE = [-1.0, 1.0]  # what black and white become
NAMES = ["goiter", "pacemaker"]
DESCRIPTOR = {
    "size": SIZE, "resize": "bilinear", "range": RANGE, "mean": 0.0, "sd": 1.0, "channels": 1, "layout": "NCHW",
    "polarity": "bright_bone", "output": "logit", "names": NAMES,
}  # fmt: skip
TYPES = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16, TensorProto.DOUBLE: np.float64}


def weights(outputs: int = 2, channels: int = 1, size: int = SIZE) -> np.ndarray:
    """Weights [K, C * size * size] and none the same."""
    return np.random.default_rng(0).normal(size=(outputs, channels * size * size)).astype(np.float32) / size


def expected(pictures: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The scores [N, K] of gray pictures uint8 [N, S, S] in `RANGE`, each channel alike."""
    low, high = RANGE
    x = pictures.reshape(len(pictures), 1, -1) / 255.0 * (high - low) + low
    return np.tile(x, (1, weight.shape[1] // x.shape[2], 1)).reshape(len(pictures), -1) @ weight.T


def linear_onnx(
    path: Path,
    *,
    batch: int | str = "N",
    channels: int = 1,
    size: int = SIZE,
    weight: np.ndarray | None = None,
    kind: int = TensorProto.FLOAT,
    end: str | None = None,
    second_output: bool = False,
    metadata: dict | None = None,
    opset: int = 17,
    nodes: list | None = None,
) -> np.ndarray:
    """Write `scores = flatten(x) W'`, then perhaps an operator `end`; returns W [K, C * size * size].

    second_output: `features`, the flattened picture; metadata: values to be written as JSON under `diffchest.`.
    """
    weight = weights(channels=channels, size=size) if weight is None else weight
    last = "logits" if end else "scores"
    made = [
        helper.make_node("Flatten", ["x"], ["features"]),
        helper.make_node("Gemm", ["features", "W"], [last], transB=1),
        *([helper.make_node(end, ["logits"], ["scores"])] if end else []),
    ]
    outputs = [helper.make_tensor_value_info("scores", kind, [batch, len(weight)])]
    if second_output:
        outputs.append(helper.make_tensor_value_info("features", kind, [batch, weight.shape[1]]))
    graph = helper.make_graph(
        nodes or made,
        "tiny",
        [helper.make_tensor_value_info("x", kind, [batch, channels, size, size])],
        outputs,
        [numpy_helper.from_array(weight.astype(TYPES.get(kind, np.float32)), "W")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    texts = {f"diffchest.{key}": json.dumps(value) for key, value in (metadata or {}).items()}
    helper.set_model_props(model, texts)
    onnx.save(model, path)
    return weight


def move_weights_out(path: Path, location: str, *, write: bool = True) -> None:
    """Let the weights of a file lie in `location` beside it; write: the file there, too."""
    model = onnx.load(path)
    (tensor,) = model.graph.initializer
    if write:
        (path.parent / location).write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    path.write_bytes(model.SerializeToString())


def described(outputs: Outputs) -> Described:
    """The descriptor of a function of plain pictures."""
    return Described(Picture("bright_bone"), None, outputs, {})


def some_pictures(number: int = 7, size: int = SIZE) -> np.ndarray:
    """Noise, uint8 [N, size, size]."""
    return np.random.default_rng(1).integers(0, 256, (number, size, size), dtype=np.uint8)
