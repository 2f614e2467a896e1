"""A network in an ONNX file, run by onnxruntime."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from diffchest.classifiers.described import Described
from diffchest.classifiers.onnx_graph import Graph, Port
from diffchest.classifiers.preprocess import network_input
from diffchest.classifiers.scored import Score
from diffchest.errors import DataError

CPU = "CPUExecutionProvider"
TYPES: dict[str, Any] = {"FLOAT": np.float32, "FLOAT16": np.float16, "DOUBLE": np.float64, "UINT8": np.uint8}
SILENT = 4  # onnxruntime's level: what it would print is in the error that is raised


def onnx_scores(
    graph: Graph, described: Described, *, output_name: str | None, providers: list[str] | None, threads: int | None
) -> Score:
    """Raw scores [N, M] by a graph; threads: of onnxruntime, None its choice.

    A batch that the file fixes is filled up with black pictures, whose scores are dropped. Raises `DataError` where
    onnxruntime cannot load or run it, saying what can be done.
    """
    port, output = graph.inputs[0], graph.output(output_name)
    if port.type not in TYPES:
        raise DataError(f"{graph.path}: takes {port}; expected one of {', '.join(TYPES)}: export it in float32")
    _check_uint8(port, described, graph.path)
    if output.type not in TYPES:
        raise DataError(
            f"{graph.path}: puts out {output}, no array of scores; expected one of {', '.join(TYPES)} (scikit-learn: "
            "export with `zipmap` off)"
        )
    session = _session(graph, _providers(providers, graph.path), threads)
    fixed = port.shape[0] if port.shape else None

    def score(pictures: np.ndarray) -> np.ndarray:
        step = fixed or len(pictures)
        parts = [_run(pictures[first : first + step], fixed) for first in range(0, len(pictures), step)]
        return np.concatenate(parts)

    def _run(pictures: np.ndarray, batch: int | None) -> np.ndarray:
        x = network_input(pictures, described.picture, _pixels(described))
        if batch is not None and len(x) < batch:
            x = np.concatenate([x, np.zeros((batch - len(x), *x.shape[1:]), x.dtype)])
        x = np.rint(x).astype(np.uint8) if port.type == "UINT8" else x.astype(TYPES[port.type])
        try:
            scores = np.asarray(session.run([output.name], {port.name: x})[0])
        except Exception as error:  # onnxruntime's own classes, of which some derive from RuntimeError alone
            raise DataError(
                f"{graph.path}: cannot score pictures {list(x.shape)} ({_reason(error, graph.path)}); it takes {port}: "
                "check size, channels and layout, or export it with a dynamic batch"
            ) from None
        scores = scores[: len(pictures)].astype(np.float64 if port.type == "DOUBLE" else np.float32)
        return scores.reshape(scores.shape[:2]) if set(scores.shape[2:]) == {1} else scores  # [N, K, 1, 1]

    return score


def _pixels(described: Described) -> Any:
    if described.pixels is None:
        raise DataError("a network needs range, mean, sd, channels and layout in its descriptor")
    return described.pixels


def _check_uint8(port: Port, described: Described, path: Path) -> None:
    """A graph that takes bytes normalises them itself."""
    pixels = _pixels(described)
    plain = pixels.range == (0.0, 255.0) and set(pixels.mean) == {0.0} and set(pixels.sd) == {1.0}
    if port.type == "UINT8" and not plain:
        raise DataError(f"{path}: takes {port}, gray levels; set range: [0, 255], mean: 0, sd: 1")


def _providers(asked: list[str] | None, path: Path) -> list[str]:
    """Those of `asked` that onnxruntime has here, in their order."""
    there = onnxruntime.get_available_providers()
    found = [name for name in asked or [CPU] if name in there]
    if not found:
        raise DataError(
            f"{path}: providers {asked} are not on this machine, which has {', '.join(there)}; add {CPU} to "
            "`providers`, or install onnxruntime-gpu where there is a GPU"
        )
    return found


def _session(graph: Graph, providers: list[str], threads: int | None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.use_deterministic_compute = True
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(graph.path), options, providers=providers)
    except Exception as error:  # onnxruntime's own classes
        reason = _reason(error, graph.path)
    said = reason.lower()
    if "opset" in said or "model ir" in said:
        todo = (
            f"it is of opset {graph.opset} and format {graph.ir_version}, too new for onnxruntime "
            f"{onnxruntime.__version__}: export it with an older one (opset_version=17), or update onnxruntime"
        )
    elif "implementation" in said:
        todo = f"an operator of it does not run on {', '.join(providers)}; export it for the CPU, in float32"
    elif "registered" in said or "domain" in said:
        todo = "it has operators of its own, which are not loaded since they are code; export it with standard ones"
    else:
        todo = "export it again, and check it with onnx.checker.check_model"
    raise DataError(f"{graph.path}: onnxruntime cannot load it ({reason}); {todo}")


def _reason(error: Exception, path: Path) -> str:
    """The end of the first line of onnxruntime's message, after the names of its own functions."""
    line = str(error).strip().split("\n")[0].replace(str(path), "it")
    return re.split(r"[&*]\) ", line)[-1][-240:]
