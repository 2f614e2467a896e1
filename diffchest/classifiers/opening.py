"""Opening a classifier by its descriptor."""

from pathlib import Path

from diffchest.classifiers.described import describe
from diffchest.classifiers.scored import Scored, identity, sha256_of
from diffchest.params.base import ParamsError
from diffchest.params.classifiers import ClassifierParams


def open_classifier(params: ClassifierParams, *, source: str, threads: int | None = None) -> Scored:
    """The classifier of a descriptor, a `contracts.classifier.Classifier`.

    source: what messages call it, such as `classifiers.theirs` or the descriptor's file; threads: of onnxruntime, None
    its choice. What a kind needs is imported by it alone. Raises `ParamsError` for a descriptor that lacks something
    and `DataError` for a file, command or function that cannot be opened or is not as described.
    """
    if params.kind == "own":
        raise ParamsError(
            f"{source}: kind is own, and our own head is opened by an audit only (the pipeline's, or `python -m "
            "diffchest.audit`), which has the network that it goes with; give the descriptor of another classifier"
        )
    if params.kind == "onnx":
        return _onnx(params, source, threads)
    described = describe(params, source=source)
    if params.kind == "torch":
        from diffchest.classifiers.torch_program import torch_scores

        paths = [Path(str(params.file))]
        score = torch_scores(paths[0], described, trusted=params.trusted)
    elif params.kind == "python":
        from diffchest.classifiers.python_function import python_scores

        score, paths = python_scores(str(params.function), described.picture, source=source)
    else:
        from diffchest.classifiers.command import command_scores

        words, names = params.command or [], described.outputs.names
        score = command_scores(words, names, described.picture, timeout_s=params.timeout_s, source=source)
        paths = [Path(word) for word in words if Path(word).is_file()]
    files = sha256_of(paths)
    size = None if params.kind == "command" else params.batch_size
    return Scored(source, score, described, identity(params, described, files), files, size)


def _onnx(params: ClassifierParams, source: str, threads: int | None) -> Scored:
    from diffchest.classifiers.onnx_file import onnx_scores
    from diffchest.classifiers.onnx_graph import read_graph

    graph = read_graph(Path(str(params.file)))
    described = describe(params, source=source, graph=graph)
    score = onnx_scores(graph, described, output_name=params.output_name, providers=params.providers, threads=threads)
    files = sha256_of([graph.path, *graph.external])
    return Scored(source, score, described, identity(params, described, files), files, params.batch_size)
