"""What lies beside a classifier's file and describes it: a Hugging Face processor and config, a MONAI bundle."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from diffchest.errors import DataError

PROCESSOR, CONFIG, BUNDLE = "preprocessor_config.json", "config.json", "metadata.json"
PILLOW_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "area"}
PROBLEM_TYPES = {"multi_label_classification": "logit", "single_label_classification": "softmax_logit"}
FORMATS = {"probability": "probability", "probabilities": "probability", "logit": "logit", "logits": "logit"}
Said = dict[str, tuple[Any, str]]  # by field: its value, and the file that says it


def described_beside(file: Path) -> Said:
    """What files beside `file` say of it, by field of a descriptor; the first of them that says a field counts.

    A bundle's `metadata.json` lies in `configs/` beside the folder of the file, or beside the file.
    """
    readers: list[tuple[Path, Callable[[Mapping[str, Any]], dict[str, Any]]]] = [
        (file.parent / PROCESSOR, _processor),
        (file.parent / CONFIG, _config),
        (file.parent / BUNDLE, _bundle),
        (file.parent.parent / "configs" / BUNDLE, _bundle),
    ]
    said: Said = {}
    for path, read in readers:
        if path.is_file():
            for field, value in _read(path, read).items():
                said.setdefault(field, (value, str(path)))
    return said


def _read(path: Path, read: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return read(content) if isinstance(content, Mapping) else {}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        reason = f"no key {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"{path}: lies beside the classifier's file and cannot be read ({reason}); mend it, "
            "or move it elsewhere and say in the descriptor what it says"
        ) from None


def _processor(content: Mapping[str, Any]) -> dict[str, Any]:
    """Hugging Face's image processors: resize, cut the middle, scale, normalise."""
    found: dict[str, Any] = {"layout": "NHWC" if content.get("data_format") == "channels_last" else "NCHW"}
    if content.get("do_resize", True) and "size" in content:
        found["size"] = _sides(content["size"])
        found["fit"] = "squeeze"
    if content.get("do_center_crop") and "crop_size" in content:
        found["crop"] = _sides(content["crop_size"])
    if content.get("resample") in PILLOW_FILTERS:
        found["resize"] = PILLOW_FILTERS[content["resample"]]
    factor = content.get("rescale_factor", 1 / 255) if content.get("do_rescale", True) else 1.0
    found["range"] = [0.0, 255.0 * factor]
    if not content.get("do_normalize", True):
        found |= {"mean": 0.0, "sd": 1.0}
    elif "image_mean" in content and "image_std" in content:
        found |= {"mean": content["image_mean"], "sd": content["image_std"]}
    means = found.get("mean")
    if isinstance(means, list):
        found["channels"] = len(means)
    return found


def _sides(size: Any) -> Any:
    """A side, or height and width; of a square picture the shortest edge is the side."""
    if isinstance(size, Mapping):
        return size["shortest_edge"] if "shortest_edge" in size else [size["height"], size["width"]]
    return size


def _config(content: Mapping[str, Any]) -> dict[str, Any]:
    """Hugging Face's model configs: the labels in order, and whether they exclude each other. All put out logits."""
    found: dict[str, Any] = {}
    labels = content.get("id2label")
    if isinstance(labels, Mapping) and labels:
        found["names"] = [labels[number] for number in sorted(labels, key=int)]
    if content.get("problem_type") in PROBLEM_TYPES:
        found["output"] = PROBLEM_TYPES[content["problem_type"]]
    if "num_channels" in content:
        found["channels"] = content["num_channels"]
    return found


def _bundle(content: Mapping[str, Any]) -> dict[str, Any]:
    """MONAI's bundles: the format of the network's input, after all transforms, and of its output."""
    data = content.get("network_data_format", {})
    found: dict[str, Any] = {}
    for port in list(data.get("inputs", {}).values())[:1]:
        if "num_channels" in port:
            found["channels"] = port["num_channels"]
        shape = port.get("spatial_shape")
        if isinstance(shape, list) and len(shape) == 2 and all(isinstance(side, int) for side in shape):
            found["size"] = shape
        if isinstance(port.get("value_range"), list) and len(port["value_range"]) == 2:
            found |= {"range": [float(value) for value in port["value_range"]], "mean": 0.0, "sd": 1.0}
    for port in list(data.get("outputs", {}).values())[:1]:
        names = port.get("channel_def")
        if isinstance(names, Mapping) and names:
            found["names"] = [names[number] for number in sorted(names, key=int)]
        if port.get("format") in FORMATS:
            found["output"] = FORMATS[port["format"]]
    if found:
        found["layout"] = "NCHW"
    return found
