"""The network as an ONNX file that says how a radiograph becomes its input, and what its outputs are."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from torch.export import Dim

from diffchest.errors import DataError
from diffchest.files.whole import whole
from diffchest.small_cnn.training import Trained

OPSET = 18  # of 2022: what runs ONNX today knows it
PREFIX = "diffchest."
INPUT, OUTPUT = "radiographs", "logits"


def write_onnx(path: Path, trained: Trained, *, key: str) -> None:
    """Write the network for any number of radiographs; equal networks are equal bytes.

    Input float32 [N, 1, S, S]: gray levels scaled to `range`, less `mean`, over `sd`; output logits [N, F]. The file's
    metadata are `diffchest.<name>`, each JSON, see `facts`.
    """
    example = torch.zeros(2, 1, trained.size, trained.size)
    with _quiet_exporter():
        program = torch.onnx.export(
            trained.network.to(memory_format=torch.contiguous_format).eval(),  # pyright: ignore[reportCallIssue]
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: Dim("images", min=1)},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # so it is without a path
    model = program.model_proto
    _forget_where_it_was_made(model)
    onnx.helper.set_model_props(
        model, {PREFIX + name: json.dumps(value) for name, value in facts(trained, key).items()}
    )
    onnx.checker.check_model(model, full_check=True)
    with whole(path) as partial:
        partial.write_bytes(model.SerializeToString(deterministic=True))


def facts(trained: Trained, key: str) -> dict[str, Any]:
    """What the file says of itself: its input in words of a descriptor, the names of its outputs, and `key`."""
    return {
        "size": trained.size,
        "resize": "lanczos",  # as the image store is made
        "fit": "pad",
        "polarity": "bright_bone",
        "range": [0.0, 1.0],
        "mean": [trained.mean],
        "sd": [trained.sd],
        "channels": 1,
        "output": "logit",
        "names": trained.findings,
        "training": key,
    }


def read_facts(path: Path) -> dict[str, Any]:
    """The metadata that `write_onnx` wrote, by name; `DataError` when there is no such file or it holds none."""
    try:
        model = onnx.load(path, load_external_data=False)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; run `dvc repro train_cnn`") from None
    except Exception as error:  # protobuf's own classes
        raise DataError(f"{path}: not an ONNX file ({error}); run `dvc repro -f -s train_cnn`") from None
    said = {entry.key: entry.value for entry in model.metadata_props if entry.key.startswith(PREFIX)}
    if not said:
        raise DataError(f"{path}: an ONNX file without the metadata {PREFIX}names, ...; this stage did not write it")
    return {name.removeprefix(PREFIX): json.loads(value) for name, value in said.items()}


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Without its warnings, such as that torchvision, of which nothing is used, is not installed."""
    chatty = logging.getLogger("torch.onnx")
    level = chatty.level
    chatty.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        chatty.setLevel(level)


def _forget_where_it_was_made(model: onnx.ModelProto) -> None:
    """Drop what the exporter noted of its source code: paths of this machine, which differ elsewhere."""
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
