"""`classifiers`: the classifiers that are audited beside our own head, each by its descriptor."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from diffchest.files.yaml import read_mapping
from diffchest.params.base import OURS, ParamsError, PositiveFloat, PositiveInt, Section, Words, check_names, validate

Kind = Literal["own", "onnx", "command", "python", "torch"]
Resize = Literal["bilinear", "bicubic", "area", "lanczos", "nearest"]
Fit = Literal["squeeze", "pad", "crop"]
Layout = Literal["NCHW", "NHWC"]
Polarity = Literal["bright_bone", "dark_bone"]
OutputKind = Literal["logit", "probability", "softmax", "softmax_logit"]
Sides = PositiveInt | Annotated[list[PositiveInt], Field(min_length=2, max_length=2)]
PerChannel = float | Annotated[list[float], Field(min_length=1, max_length=3)]
PositivePerChannel = PositiveFloat | Annotated[list[PositiveFloat], Field(min_length=1, max_length=3)]
Probability = Annotated[float, Field(gt=0.0, lt=1.0)]
Name = Annotated[str, Field(pattern=r"^(\S.*)?$")]

OPENED_BY = {"own": "kind", "onnx": "file", "torch": "file", "command": "command", "python": "function"}
KIND_OF_SUFFIX: dict[str, Kind] = {".onnx": "onnx", ".pt": "torch", ".pt2": "torch", ".pth": "torch", ".ts": "torch"}
OF_A_NETWORK = {"crop", "range", "mean", "sd", "channels", "layout"}  # others are given pictures of uint8
ONLY = {
    "own": set(),
    "onnx": {"output_name", "providers"},
    "torch": {"trusted"},
    "command": {"timeout_s"},
    "python": set(),
}


class ClassifierParams(Section):
    """A descriptor: how a classifier is opened, what it is fed, and what its outputs mean.

    What is left out is read from the file, or from what lies beside it (`diffchest.classifiers.described`).

    * kind: `own`: our head on the encoder's z (under the name diffchest, and nothing else is said); others: with it
      `file` (onnx, torch), `command` (words, of which `{folder}` becomes the folder of PNG files and
      `{scores}` the CSV file to write) or `function` (`module:function`)
    * trusted: a program of torch may run code when it is loaded, and is loaded only with `true`
    * size: side, or height and width, that pictures are scaled to; resize: by which filter; fit: how a size that is
      not square is reached; crop: the middle that is cut out afterwards
    * range: what black (0) and white (255) become; then mean is taken off, and the rest divided by sd
    * polarity: whether bone is bright, as in our pictures, or dark
    * output: logit | probability | softmax: probabilities that sum to 1 | softmax_logit: logits before such a softmax
    * output_name: which output of the ONNX graph, where it has several
    * names: of the outputs in order; null or an empty name leaves an output out
    * findings: our name of a finding, where it has another; thresholds: above which it counts as found, on the scale
      of the output (softmax_logit: a probability); operating_points: see `classifiers.outputs.unbend`
    * batch_size: pictures at a time; timeout_s: for a command; providers: of onnxruntime
    """

    kind: Kind
    file: Words | None = None
    command: Annotated[list[str], Field(min_length=1)] | None = None
    function: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    trusted: bool = False
    size: Sides | None = None
    crop: Sides | None = None
    resize: Resize | None = None
    fit: Fit | None = None
    range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    mean: PerChannel | None = None
    sd: PositivePerChannel | None = None
    channels: Literal[1, 3] | None = None
    layout: Layout | None = None
    polarity: Polarity | None = None
    output: OutputKind | None = None
    output_name: str | None = None
    names: Annotated[list[Name | None], Field(min_length=1)] | None = None
    findings: dict[str, Words] = Field(default_factory=dict)
    thresholds: dict[str, float] = Field(default_factory=dict)
    operating_points: dict[str, Probability] | None = None
    batch_size: PositiveInt = 64
    timeout_s: PositiveFloat = 600.0
    providers: Annotated[list[Words], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _of_one_kind(self) -> "ClassifierParams":
        needed = OPENED_BY[self.kind]
        if getattr(self, needed) is None:
            raise ValueError(f"kind {self.kind} needs `{needed}`")
        foreign = ({*OPENED_BY.values()} - {needed, "kind"}) | {
            key for kind in ONLY if kind != self.kind for key in ONLY[kind]
        }
        if needed != "file":
            foreign |= OF_A_NETWORK
        extra = sorted(foreign & {key for key in self.model_fields_set if getattr(self, key) is not None})
        if extra:
            raise ValueError(f"`{extra[0]}` does not go with kind {self.kind}; leave it out")
        return self

    @model_validator(mode="after")
    def _values(self) -> "ClassifierParams":
        for word in ("{folder}", "{scores}") if self.command else ():
            if not any(word in part for part in self.command or ()):
                raise ValueError(f"`command` has no word with {word}; write where it belongs, as in {EXAMPLE}")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"`range` is {self.range}, from black to white; for bone that is dark set `polarity`")
        for key in ("mean", "sd"):
            value = getattr(self, key)
            if isinstance(value, list) and self.channels is not None and len(value) not in (1, self.channels):
                raise ValueError(f"`{key}` has {len(value)} values, but `channels` is {self.channels}")
        if self.operating_points is not None and self.output not in (None, "probability"):
            raise ValueError(f"`operating_points` bend probabilities, but `output` is {self.output}")
        return self


EXAMPLE = "[python, score.py, '{folder}', '{scores}']"


class ClassifiersParams(BaseModel):
    """`classifiers`: every section is the descriptor of a classifier, under the name that tables call it by."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, ClassifierParams]

    @model_validator(mode="after")
    def _names(self) -> "ClassifiersParams":
        check_names(self.sections, what="a classifier")
        for name, section in self.sections.items():
            if (name == OURS) != (section.kind == "own"):
                raise ValueError(f"{name}: kind is {section.kind}; our own head is called {OURS}, and nothing else is")
        return self

    def __getitem__(self, name: str) -> ClassifierParams:
        """Return the descriptor of classifier `name`; `ParamsError` if there is none."""
        if name not in self.sections:
            there = ", ".join(self.sections) or "none"
            raise ParamsError(f"params.yaml: classifiers.{name} is not defined (defined: {there})")
        return self.sections[name]

    @property
    def sections(self) -> dict[str, ClassifierParams]:
        """All descriptors by name."""
        return self.__pydantic_extra__


def read_descriptor(path: Path | None, *, file: Path | None = None) -> ClassifierParams:
    """A descriptor out of a YAML file of its own, or for `file` alone.

    A `file` that the YAML names lies beside it; `file` (relative to the working folder) goes before it. The kind
    follows from the file's suffix where it is not said. Raises `ParamsError` with a line per problem, and for a `file`
    alone whose suffix is none of `KIND_OF_SUFFIX`.
    """
    said: dict[str, Any] = {} if path is None else read_mapping(path)
    source = "--descriptor" if path is None else str(path)
    if file is not None:
        said["file"] = str(file)
    elif path is not None and isinstance(said.get("file"), str):
        said["file"] = str(path.parent / said["file"])
    suffix = Path(str(said.get("file", ""))).suffix
    if "kind" not in said and suffix in KIND_OF_SUFFIX:
        said["kind"] = KIND_OF_SUFFIX[suffix]
    if path is None and "kind" not in said:
        found = "a folder" if file is not None and file.is_dir() else repr(suffix)
        raise ParamsError(
            f"{file}: expected a classifier's file that ends in {', '.join(KIND_OF_SUFFIX)}, found {found}; for "
            "another kind give a descriptor with --descriptor"
        )
    return validate(ClassifierParams, said, source=source)
