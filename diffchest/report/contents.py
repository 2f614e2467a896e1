"""What the report shows, in the paper's order: sections, the figures and the tables in each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from diffchest.params.base import Key
from diffchest.params.baselines import ComparedModels
from diffchest.params.evaluation import EvaluatedDataset
from diffchest.params.figures import FigureNames


@dataclass(frozen=True)
class Item:
    """A figure (`reports/figures/<name>.png`) or a table (`reports/tables/<name>.csv`) and its caption.

    `{reference}` in a table's name stands for the reference model's.
    """

    name: str
    caption: str


@dataclass(frozen=True)
class Section:
    """One section of the report."""

    title: str
    text: str
    figures: list[Item] = field(default_factory=list)
    tables: list[Item] = field(default_factory=list)


SECTIONS = [
    Section(
        "Cohorts",
        "Which radiographs take part, and what happened to the others. A patient has one role.",
        [
            Item("study_flow", "How many images and patients are left after each step (paper: figures 1, S1)."),
            Item("phantom_gallery", "One stored test phantom per drawn finding."),
        ],
        [
            Item("study_flow", "The study flow in numbers."),
            Item("decoding_flow", "Images that could not be decoded, and the roles without them."),
            Item("positives", "Positive radiographs by finding and role."),
        ],
    ),
    Section(
        "Pretraining",
        "The self-conditioned diffusion autoencoder learns without labels; z is its semantic latent, x_T the rest.",
        [
            Item("pretrain_loss", "Loss on training and held-out patients, in all and by timestep."),
            Item("pretrain_progress", "Reconstructions of held-out radiographs while the network learns."),
            Item("information", "The gap between the curves, integrated over SNR, estimates what z tells (in nats)."),
            Item("latent_space", "z of the test radiographs in two dimensions (paper: extended data figure 1b)."),
            Item("reconstructions", "Original, reconstruction and x_T (paper: figure S6)."),
        ],
        [Item("reconstruction", "Reconstruction error of single test radiographs; mae is on a gray scale of 0 to 1.")],
    ),
    Section(
        "Classification",
        "A linear head on z, evaluated on patients it never saw. Intervals: percentile bootstrap.",
        [Item("auc_forest", "AUC of every finding with enough test positives (paper: figure 2).")],
        [
            Item("auc", "AUC with confidence interval, by model and finding."),
            Item("head", "What the head of each finding was fitted on."),
        ],
    ),
    Section(
        "Groups of patients and calibration",
        "Whether the classifier serves everyone, and whether its probabilities mean what they say. A gap is the "
        "highest less the lowest group; its p-value takes account of their being chosen.",
        [
            Item("subgroups", "AUC by sex, age and view, the most different findings first."),
            Item("calibration", "Reliability of the probabilities of the most frequent findings."),
        ],
        [
            Item("subgroup_gaps", "Gaps between groups in AUC, and in the share of positives missed."),
            Item("subgroups", "Every finding in every group."),
            Item("calibration", "Brier score, recalibration slope and calibration error by finding."),
        ],
    ),
    Section(
        "Comparison with other models",
        "Paired permutation test per finding; Holm and Benjamini-Hochberg across findings, DeLong's test beside them.",
        [],
        [
            Item("comparison", "DiffChest against the reference model (paper: table S1), then against any others."),
            Item("baseline_{reference}", "How the reference model came to its scores: prompts, or fitted heads."),
        ],
    ),
    Section(
        "Data efficiency",
        "Heads fitted on nested fractions of the patients, with the radiologists' operating points.",
        [Item("data_efficiency", "ROC curves by fraction (paper: figure S2).")],
        [Item("data_efficiency", "AUC by finding and fraction; how many readers lie above and below the ROC curve.")],
    ),
    Section(
        "Counterfactuals",
        "z of a radiograph is moved towards a finding (or away from it) and decoded. The probabilities are those of "
        "the pictures, encoded again.",
        [
            Item("counterfactuals", "Radiographs and what the classifier would have to see in them (paper: figure 3)."),
            Item("counterfactual_grid", "One radiograph and every finding (paper: figure S5)."),
            Item("step_sweep", "One radiograph moved further and further."),
            Item("failures", "Of each finding the counterfactual that falls shortest of the change asked for."),
            Item("counterfactual_quality", "Does the head see what was asked for, and what else changes?"),
        ],
        [
            Item(
                "counterfactual_quality",
                "validity: share that show at least 0.9 of the change of the logit that was asked for; reached: the "
                "part shown; flipped: share that cross 0.5; own_change, off_target: change of the finding's logit, and "
                "mean absolute change of the others', in SD; l1, ssim: to the original.",
            ),
            Item("counterfactuals", "Every counterfactual: score before, wanted and after, and its distances."),
        ],
    ),
    Section(
        "Confounder audit",
        "Which other findings rise in the picture when it is moved towards a finding, against random moves as long; "
        "the labels' co-occurrence is an independent witness.",
        [
            Item("confounder_matrix", "Effect of each move on every other finding."),
            Item("confounder_examples", "The strongest flagged pairs (paper: figure 4)."),
            Item("teaser", "The audit of one finding at a glance."),
        ],
        [
            Item("confounders", "All audited pairs, the strongest of each target first."),
            Item("label_cooccurrence", "How findings occur together in the labels."),
        ],
    ),
    Section(
        "Do the confounders matter?",
        "A head that reads the confounder in place of the finding keeps its AUC over all radiographs and loses it "
        "among those without. A finding collapses when at most half of what its AUC is above chance is left.",
        [Item("reliance", "AUC with and without the confounder, the largest drops first.")],
        [
            Item("reliance", "Every pair that the audit flags or the labels point to; drop: AUC of all less without."),
            Item("published_cooccurrence", "Readers of the paper's table 1 beside the physicians' labels."),
        ],
    ),
    Section(
        "Reader study",
        "Readers say for each test radiograph of a diagnosis whether the named confounder is there.",
        [Item("reader_agreement", "Pairwise agreement and Fleiss' kappa (paper: extended data figures 4, 5).")],
        [
            Item("reader_table_1", "Confounders that are treatments (paper: table 1)."),
            Item("reader_table_2", "Confounders that are physiology (paper: table 2)."),
            Item("reader_pairwise", "Agreement of pairs of readers."),
            Item("reader_discordant", "Radiographs on which the readers do not agree, and who said what."),
        ],
    ),
    Section(
        "Audit of the published tables",
        "Claims of the paper's text beside the numbers its own printed tables give.",
        [],
        [Item("published_audit", "Claim, the text's number, the number recomputed from the tables.")],
    ),
]

STAGES = [  # those that write metrics
    "pretrain",
    "evaluate_pretraining",
    "fit_head",
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

    figures: Annotated[FigureNames, Key("figures.names")]
    efficiency_dataset: Annotated[str | None, Key("data_efficiency.dataset")]


def figures_of(section: Section, params: ReportParams) -> list[Item]:
    """The figures of a section that are drawn, without those that only say why there is nothing to draw."""
    nothing = set() if params.on_phantoms else {"phantom_gallery"}
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
