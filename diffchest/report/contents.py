"""What the report shows, in the paper's order: sections, the figures and the tables in each (`contents.yaml`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, Literal

from diffchest import paths
from diffchest.contracts.doubtful_heads import DoubtfulHeads
from diffchest.contracts.empty_figures import why_empty
from diffchest.files.yaml import parse_yaml
from diffchest.params.base import OURS, Key
from diffchest.params.baselines import ComparedModels
from diffchest.params.classifiers import ClassifiersParams
from diffchest.params.cohorts import CohortsParams
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

    paper: shown only where the radiographs are those of the paper, or drawn after them.
    """

    name: str
    caption: str
    columns: tuple[str, ...] = ()
    order: str = ""
    first: int = 0
    paper: bool = False

    @classmethod
    def read(cls, name: str, said: str | Mapping[str, Any]) -> "Item":
        """An entry of `contents.yaml`: its caption alone, or with what else is said of it."""
        if isinstance(said, str):
            return cls(name, said)
        return cls(name, **{**said, "columns": tuple(said.get("columns", ()))})


@dataclass(frozen=True)
class Section:
    """One section of the report; classifiers: the tables of every audited one, summary: and its numbers.

    `{intervals}` in its text stands for how the intervals of AUCs were made; paper: as of an `Item`.
    """

    title: str
    text: str
    figures: list[Item]
    tables: list[Item]
    classifiers: list[Item]
    summary: bool = False
    paper: bool = False


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
            paper=section.get("paper", False),
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


INTERVALS = {
    "score": "score intervals of each AUC, redraws (percentiles) of their means",
    "percentile": "percentile bootstrap",
}


class ReportParams(EvaluatedDataset, ComparedModels):
    """What the report reads of params.yaml."""

    cohorts: CohortsParams
    intervals: Annotated[Literal["score", "percentile"], Key("evaluation.bootstrap.interval")]
    classifiers: ClassifiersParams
    figures: Annotated[FigureNames, Key("figures.names")]
    positives_above: Annotated[int, Key("evaluation.positives_above")]
    targets: Annotated[list[str], Key("explain.targets")]
    efficiency_dataset: Annotated[str | None, Key("data_efficiency.dataset")]
    tour: Annotated[bool, Key("reports.tour")]

    @property
    def real(self) -> list[str]:
        """The cohorts that take part whose radiographs are patients'."""
        return [name for name in self.cohorts.datasets if name not in self.phantoms]

    @property
    def of_the_paper(self) -> bool:
        """Whether what the paper printed has a place beside the numbers: of PadChest, or of what is drawn after it."""
        return self.on_phantoms or self.cohorts[self.dataset].format == "padchest"


def figures_of(section: Section, params: ReportParams) -> list[Item]:
    """The figures of a section that are drawn, without those that only say why there is nothing to draw."""
    drawn = (item for item in section.figures if params.figures == "all" or item.name in params.figures)
    return [item for item in drawn if not why_empty(paths.FIGURES / f"{item.name}.png")]


def notes(params: ReportParams, metrics: Mapping[str, Any], doubtful: DoubtfulHeads) -> dict[str, str]:
    """What to say first in sections, by title: who is simulated, and what too few radiographs leave in doubt.

    metrics: of all stages; doubtful: of `explain.targets`.
    """
    said = {}
    if params.efficiency_dataset in params.phantoms:
        said["Data efficiency"] = "The radiographs are drawn and the radiologists simulated."
    if metrics.get("reader_study", {}).get("simulated"):
        said["Reader study"] = "These readers are simulated: they repeat the labels, with errors at a known rate."
    if (left_out := _none_judged(metrics)) is not None:
        said["Classification"] = (
            f"None of {left_out} findings has enough radiographs to be judged: more than {params.positives_above} "
            "positives and negatives are needed in the test set and for fine-tuning. No number here says how good the "
            "classifier is; the table has the counts."
        )
        said["Comparison with other models"] = "No finding is judged, so none is compared."
    if len(doubtful):
        said["Counterfactuals"] = (
            f"{doubtful.said[0].upper()}{doubtful.said[1:]}. What is drawn for these is what raises the score of such "
            "a head, and may have nothing to do with the finding."
        )
    if metrics.get("confounders", {}).get("outputs") == 0:
        said["What goes with it?"] = (
            "Our head is not audited: no output passed all gates, or no finding is judged. That no pair is flagged "
            "says nothing about confounders."
        )
    return said


def _none_judged(metrics: Mapping[str, Any]) -> int | None:
    """How many findings there are, where none of them has enough radiographs to be judged; None where one has."""
    ours = metrics.get("evaluate", {}).get(OURS, {})
    return ours["macro_auc_left_out"] if ours.get("macro_auc_findings") == 0 else None
