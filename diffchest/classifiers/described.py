"""A descriptor made whole: what it leaves out is read from the classifier's file and from what lies beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffchest.classifiers.beside import Said, described_beside
from diffchest.classifiers.onnx_graph import Graph, Port
from diffchest.classifiers.outputs import Outputs
from diffchest.classifiers.preprocess import Picture, Pixels
from diffchest.errors import DataError
from diffchest.params.base import ParamsError, validate
from diffchest.params.classifiers import ClassifierParams

MEANING = {"output", "names"}  # that every kind must say
NETWORK = {"size", "resize", "range", "mean", "sd", "channels", "layout", "polarity"}
FROM_FILES = MEANING | NETWORK | {"crop", "fit", "findings", "thresholds", "operating_points"}
WHERE = {
    "size": "the side of the pictures it takes: `Resize` or `img_size` where it was trained; the input's shape",
    "resize": "the filter that made pictures smaller: `interpolation` of `Resize` (torchvision: bilinear)",
    "range": "what black and white became before mean and sd: [0, 1] after `ToTensor`, [0, 255], [-1024, 1024] in "
    "torchxrayvision",
    "mean": "the first argument of `Normalize`: [0.485, 0.456, 0.406] for networks from ImageNet; 0 if there was none",
    "sd": "the second argument of `Normalize`: [0.229, 0.224, 0.225] for networks from ImageNet; 1 if there was none",
    "channels": "1 or 3: the weights of its first convolution, or the input's shape",
    "layout": "NCHW in PyTorch, NHWC in TensorFlow: the input's shape",
    "polarity": "bright_bone unless it was trained on pictures in which bone is dark (MONOCHROME1 taken as it is)",
    "output": "logit | probability (after a sigmoid) | softmax | softmax_logit: the last layer, and the loss",
    "names": "of its outputs in order: the list of labels in its training code, its config or its paper",
    "fit": "how a picture was brought to a size that is not square: squeeze | pad | crop",
}


@dataclass(frozen=True)
class Described:
    """A whole descriptor: `picture` how pictures are scaled, `pixels` what a network's are, `outputs` what comes out.

    `pixels` is None for commands and functions. `read_from`: by field that the descriptor left out, the file that said
    it.
    """

    picture: Picture
    pixels: Pixels | None
    outputs: Outputs
    read_from: dict[str, str]


def describe(params: ClassifierParams, *, source: str, graph: Graph | None = None) -> Described:
    """Make a descriptor whole. `graph`: of an ONNX file, whose metadata and shapes count.

    The descriptor comes first, then metadata, files beside, and the shape of the graph's input. Raises `ParamsError`
    with every missing field and where it can be read, and `DataError` where the graph contradicts.
    """
    said = _said(params, source, graph)
    whole = _with(params, said, source)
    needed = MEANING | (NETWORK if params.kind in ("onnx", "torch") else set())
    if whole.size is not None and len(set(_pair(whole.size))) > 1:
        needed = needed | {"fit"}
    if params.kind in ("command", "python") and whole.size is not None:
        needed = needed | {"resize"}
    _check_missing(whole, needed, source)
    outputs = _outputs(whole, source)
    described = Described(
        picture=Picture(
            polarity=whole.polarity or "bright_bone",
            size=None if whole.size is None else _pair(whole.size),
            resize=whole.resize or "bilinear",
            fit=whole.fit or "squeeze",
            crop=None if whole.crop is None else _pair(whole.crop),
        ),
        pixels=_pixels(whole) if needed >= NETWORK else None,
        outputs=outputs,
        read_from={field: where for field, (_, where) in said.items()},
    )
    if graph is not None:
        _check_graph(described, graph, graph.output(whole.output_name), source)
    return described


def _said(params: ClassifierParams, source: str, graph: Graph | None) -> Said:
    """What files say of the fields that the descriptor leaves out."""
    if params.file is None:
        return {}
    said: Said = {}
    if graph is not None:
        metadata = {field: value for field, value in graph.described().items() if field in FROM_FILES}
        said = {field: (value, f"{graph.path}, metadata") for field, value in metadata.items()}
    for field, found in described_beside(Path(params.file)).items():
        said.setdefault(field, found)
    if graph is not None:
        for field, value in _shape_says(graph.inputs[0], params, said).items():
            said.setdefault(field, (value, f"{graph.path}, shape of its input"))
    given = {field for field in params.model_fields_set if getattr(params, field) is not None}
    return {field: found for field, found in said.items() if field not in given}


def _shape_says(port: Port, params: ClassifierParams, said: Said) -> dict[str, Any]:
    """Layout, channels and size in a shape [N, C, H, W] or [N, H, W, C]."""
    if port.shape is None or len(port.shape) != 4:
        return {}
    first, last = (port.shape[axis] in (1, 3) for axis in (1, 3))
    layout = params.layout or (said["layout"][0] if "layout" in said else None)
    if layout is None and first != last:
        layout = "NCHW" if first else "NHWC"
    if layout is None:
        return {}
    channels, sides = _axes(port.shape, layout)
    found: dict[str, Any] = {"layout": layout}
    if channels in (1, 3):
        found["channels"] = channels
    if None not in sides and params.crop is None and "crop" not in said:
        found["size"] = list(sides)
    return found


def _axes(shape: tuple[int | None, ...], layout: str) -> tuple[int | None, tuple[int | None, int | None]]:
    return (shape[1], (shape[2], shape[3])) if layout == "NCHW" else (shape[3], (shape[1], shape[2]))


def _with(params: ClassifierParams, said: Said, source: str) -> ClassifierParams:
    """The descriptor with what files say; a value there that is none is told with the file."""
    given = {field: getattr(params, field) for field in params.model_fields_set}
    raw = given | {field: value for field, (value, _) in said.items()}
    files = ", ".join(sorted({where for _, where in said.values()}))
    return validate(ClassifierParams, raw, source=f"{source} with {files}" if files else source)


def _check_missing(params: ClassifierParams, needed: set[str], source: str) -> None:
    missing = [field for field in WHERE if field in needed and getattr(params, field) is None]
    if missing:
        lines = "\n".join(f"  {field}: {WHERE[field]}" for field in missing)
        raise ParamsError(
            f"{source}: {len(missing)} field(s) are missing, and no file says them; add to the descriptor\n{lines}"
        )


def _pair(sides: int | list[int]) -> tuple[int, int]:
    return (sides, sides) if isinstance(sides, int) else (sides[0], sides[1])


def _pixels(params: ClassifierParams) -> Pixels:
    mean, sd = (
        (float(v),) if isinstance(v, int | float) else tuple(map(float, v or ())) for v in (params.mean, params.sd)
    )
    low, high = params.range or (0.0, 1.0)
    return Pixels((low, high), mean, sd, params.channels or 1, params.layout or "NCHW")


def _outputs(params: ClassifierParams, source: str) -> Outputs:
    names = tuple(name or None for name in params.names or ())
    kept = [name for name in names if name]
    if not kept:
        raise ParamsError(f"{source}: names: none of the {len(names)} outputs has a name")
    for what, mapping in (("findings", params.findings), ("thresholds", params.thresholds)):
        _check_named(mapping, kept, f"{source}: {what}")
    points = params.operating_points
    if points is not None:
        _check_named(points, kept, f"{source}: operating_points")
        lacking = [name for name in kept if name not in points]
        if lacking:
            raise ParamsError(
                f"{source}: operating_points has none for {lacking[0]!r}; an output without one was never trained and "
                "is always 0.5: give it null in `names`"
            )
    if params.output is None:
        raise ParamsError(f"{source}: output: {WHERE['output']}")
    outputs = Outputs(params.output, names, params.findings, params.thresholds, points)
    twice = sorted({name for name in outputs.called if outputs.called.count(name) > 1})
    if twice:
        raise ParamsError(f"{source}: two outputs are called {twice[0]!r}; give one of them null in `names`")
    return outputs


def _check_named(mapping: Mapping[str, Any], names: list[str], what: str) -> None:
    unknown = [name for name in mapping if name not in names]
    if unknown:
        raise ParamsError(f"{what} names {unknown[0]!r}, which is no output; there are {', '.join(names)}")


def _check_graph(described: Described, graph: Graph, output: Port, source: str) -> None:
    """Raise `DataError` where the shapes in the graph are others than those of the descriptor."""
    port, pixels, final = graph.inputs[0], described.pixels, described.picture.final
    if pixels is None or final is None:
        return
    if port.shape is not None:
        if len(port.shape) != 4:
            raise DataError(f"{source}: {graph.path} takes {port}; expected four axes, [N, C, H, W] or [N, H, W, C]")
        channels, sides = _axes(port.shape, pixels.layout)
        if channels not in (None, pixels.channels):
            raise DataError(
                f"{source}: channels is {pixels.channels} (layout {pixels.layout}), but {graph.path} takes {port}"
            )
        if any(there not in (None, side) for there, side in zip(sides, final, strict=True)):
            what = "crop" if described.picture.crop else "size"
            raise DataError(
                f"{source}: {what} is {list(final)} (layout {pixels.layout}), but {graph.path} takes {port}"
            )
    number = len(described.outputs.names)
    there = output.shape[-1] if output.shape is not None and len(output.shape) == 2 else None
    if there not in (None, number):
        raise DataError(f"{source}: names has {number} outputs, but {graph.path} puts out {output}")
