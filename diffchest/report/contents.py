"""What the report shows, in the paper's order: sections, the figures and the tables in each (`contents.yaml`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any

from diffchest.files.yaml import parse_yaml
from diffchest.params.base import Key
from diffchest.params.baselines import ComparedModels
from diffchest.params.classifiers import ClassifiersParams
from diffchest.params.evaluation import EvaluatedDataset
from diffchest.params.figures import FigureNames


@dataclass(frozen=True)
class Item:
    """A figure (`reports/figures/<name>.png`) or a table (`reports/tables/<name>.csv`) and its caption.

    `{reference}` in a table's name stands for the reference model's, `{classifier}` for an audited classifier's and
    `{audit}` for that of its audit. Of a table:

    * columns: those shown, all without any
    * order: the column by which rows are sorted, the largest numbers first, up or down, and no before yes
    * first: how many rows are shown, never folded; 0: as many as the page takes
    """

    name: str
    caption: str
    columns: tuple[str, ...] = ()
    order: str = ""
    first: int = 0

    @classmethod
    def read(cls, name: str, said: str | Mapping[str, Any]) -> "Item":
        """An entry of `contents.yaml`: its caption alone, or with what else is said of it."""
        if isinstance(said, str):
            return cls(name, said)
        return cls(name, **{**said, "columns": tuple(said.get("columns", ()))})


@dataclass(frozen=True)
class Section:
    """One section of the report; classifiers: the tables of every audited one, summary: and its numbers."""

    title: str
    text: str
    figures: list[Item]
    tables: list[Item]
    classifiers: list[Item]
    summary: bool = False


def _read(content: str) -> list[Section]:
    sections = parse_yaml(content, source="contents.yaml")
    return [
        Section(
            section["title"],
            section["text"],
            *(
                [Item.read(*named) for named in section.get(kind, {}).items()]
                for kind in ("figures", "tables", "classifiers")
            ),
            summary=section.get("summary", False),
        )
        for section in sections
    ]


SECTIONS = _read(files("diffchest.report").joinpath("contents.yaml").read_text(encoding="utf-8"))

STAGES = [  # those that write metrics
    "pretrain",
    "evaluate_pretraining",
    "fit_head",
    "train_cnn",
    "evaluate",
    "compare",
    "subgroups",
    "calibration",
    "data_efficiency",
    "explain",
    "confounders",
    "reliance",
    "reader_study",
]


class ReportParams(EvaluatedDataset, ComparedModels):
    """What the report reads of params.yaml."""

    classifiers: ClassifiersParams
    figures: Annotated[FigureNames, Key("figures.names")]
    efficiency_dataset: Annotated[str | None, Key("data_efficiency.dataset")]
    tour: Annotated[bool, Key("reports.tour")]


def figures_of(section: Section, params: ReportParams, metrics: Mapping[str, Any]) -> list[Item]:
    """The figures of a section that are drawn, without those that only say why there is nothing to draw.

    metrics: of all stages.
    """
    nothing = set() if params.on_phantoms else {"phantom_gallery"}
    if not metrics.get("reader_study", {}).get("readers"):
        nothing.add("reader_agreement")
    if params.efficiency_dataset is None:
        nothing.add("data_efficiency")
    drawn = (item for item in section.figures if params.figures == "all" or item.name in params.figures)
    return [item for item in drawn if item.name not in nothing]


def simulated(params: ReportParams, metrics: Mapping[str, Any]) -> dict[str, str]:
    """What to say in the sections whose readers are simulated, by title; metrics: of all stages."""
    notes = {}
    if params.efficiency_dataset in params.phantoms:
        notes["Data efficiency"] = "The radiographs are drawn and the radiologists simulated."
    if metrics.get("reader_study", {}).get("simulated"):
        notes["Reader study"] = "These readers are simulated: they repeat the labels, with errors at a known rate."
    return notes
