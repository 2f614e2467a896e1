"""What an ONNX file says of itself: inputs, outputs, metadata, where its weights lie. Nothing is run."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from diffchest.errors import DataError

PREFIX = "diffchest."  # of the metadata that are fields of a descriptor, each as JSON
Shape = tuple[int | None, ...] | None


@dataclass(frozen=True)
class Port:
    """An input or an output: its type (such as FLOAT), and its shape, None where it is not fixed or not known."""

    name: str
    type: str
    shape: Shape

    def __str__(self) -> str:
        shape = "unknown shape" if self.shape is None else str(["?" if n is None else n for n in self.shape])
        return f"{self.name!r} {self.type} {shape.replace(chr(39), '')}"


@dataclass(frozen=True)
class Graph:
    """`external`: files beside it that hold weights, all there and inside its folder."""

    path: Path
    opset: int
    ir_version: int
    inputs: list[Port]
    outputs: list[Port]
    metadata: dict[str, str]
    external: list[Path]

    def described(self) -> dict[str, Any]:
        """The fields of a descriptor in its metadata (`diffchest.names` and so on)."""
        found = {}
        for key, text in self.metadata.items():
            if key.startswith(PREFIX):
                try:
                    found[key.removeprefix(PREFIX)] = json.loads(text)
                except ValueError:
                    raise DataError(
                        f"{self.path}: metadata {key} is {text!r}; expected JSON, such as '[0, 1]'"
                    ) from None
        return found

    def output(self, name: str | None) -> Port:
        """The output of that name, or the only one; `DataError` names those that are there."""
        there = "; ".join(map(str, self.outputs))
        if name is None and len(self.outputs) > 1:
            raise DataError(f"{self.path}: has several outputs; say which in `output_name`: {there}")
        for port in self.outputs:
            if name in (None, port.name):
                return port
        raise DataError(f"{self.path}: has no output {name!r}; set `output_name` to one of: {there}")


def read_graph(path: Path) -> Graph:
    """Read a file; `DataError` where it is missing, damaged, no plain classifier, or its weights are not there."""
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "no such file"
        raise DataError(f"{path}: {found}; give an ONNX file")
    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, ValueError, RuntimeError) as error:
        raise DataError(f"{path}: not an ONNX file ({error}); export it again, or check `kind`") from None
    if not model.graph.node:
        raise DataError(f"{path}: not an ONNX file, or one that computes nothing; export it again")
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [_port(value) for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        there = "; ".join(map(str, inputs)) or "none"
        raise DataError(f"{path}: takes {len(inputs)} inputs ({there}); export a model that takes pictures alone")
    return Graph(
        path=path,
        opset=max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0),
        ir_version=model.ir_version,
        inputs=inputs,
        outputs=[_port(value) for value in model.graph.output],
        metadata={entry.key: entry.value for entry in model.metadata_props},
        external=_external(model, path),
    )


def _port(value: Any) -> Port:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return Port(value.name, kind or "unknown", None)
    tensor = value.type.tensor_type
    dims = [dim.dim_value if dim.WhichOneof("value") == "dim_value" else None for dim in tensor.shape.dim]
    return Port(
        value.name,
        onnx.TensorProto.DataType.Name(tensor.elem_type),
        tuple(dims) if tensor.HasField("shape") else None,
    )


def _external(model: onnx.ModelProto, path: Path) -> list[Path]:
    """The files of weights outside the model file; one outside its folder is never opened."""
    folder, found = path.parent.resolve(), {}
    for tensor in _tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        file = (folder / location).resolve()
        if not location or not file.is_relative_to(folder) or file == folder:
            raise DataError(
                f"{path}: its weights {tensor.name!r} lie outside its folder ({location!r}), where a model file has "
                "nothing to read; export it again into a folder of its own, and copy files there that are links"
            )
        if not file.is_file():
            raise DataError(
                f"{path}: its weights lie in {location!r} beside it, and there is no such file; copy it there as well "
                "(a model of more than 2 GB, or exported with external data, is two files)"
            )
        found[file] = None
    return list(found)


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of a model: weights, constants in nodes, those of subgraphs and functions too."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_nodes(function.node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Any) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            sparse = [*attribute.sparse_tensors, *([attribute.sparse_tensor] * attribute.HasField("sparse_tensor"))]
            for each in sparse:
                yield from (each.values, each.indices)
            for graph in [*attribute.graphs, *([attribute.g] * attribute.HasField("g"))]:
                yield from _of_graph(graph)
