"""How far the numbers of a report may lie from the committed ones: tables by name, metrics by dotted key.

What follows from labels and seeds alone is equal on every machine. What depends on the trained network differs in the
last digits between processors, and pretraining amplifies that. Two processors gave the default with a mean AUC that
differed by 0.0003, single AUCs by 0.003, a precision of the audit by 0.034 and 2 of 74 wins; the bounds below leave
several times as much. Few of them are absolute, and only for numbers with a scale of their own: AUCs, fractions and
differences of these, which may be near 0, and counts. All others are relative to their size.
"""

import math
import re
from dataclasses import dataclass
from fnmatch import fnmatch


@dataclass(frozen=True)
class Tolerance:
    """Numbers whose key matches `pattern` may differ by `absolute`, or by `relative` of their size.

    Size is the larger of the two, so a number that becomes 0 is off by all of it; in a column of a table at least the
    median of the column, as a cell near 0 is known no better than those around it.
    """

    pattern: str
    absolute: float = 0.0
    relative: float = 0.0

    def __str__(self) -> str:
        bounds = [f"± {self.absolute:g}"] * (self.absolute > 0) + [f"± {self.relative:.0%}"] * (self.relative > 0)
        return " or ".join(bounds) or "equal"

    def allowed(self, committed: float, found: float, typical: float = 0.0) -> float:
        """The largest difference that passes; `typical`: size of the numbers of the same column."""
        return max(self.absolute, self.relative * max(abs(committed), abs(found), typical))

    def allows(self, committed: float, found: float, typical: float = 0.0) -> bool:
        """Whether `found` is near enough; NaN is near NaN only, and an infinity near itself."""
        if committed == found or (math.isnan(committed) and math.isnan(found)):
            return True
        difference = abs(found - committed)
        return math.isfinite(difference) and difference <= self.allowed(committed, found, typical) * (1 + 1e-9)


@dataclass(frozen=True)
class Table:
    """Tables whose name matches `pattern`: the columns that name a row, and what the other columns may differ by."""

    pattern: str
    keys: tuple[str, ...]
    columns: tuple[Tolerance, ...] = ()


EQUAL = Tolerance(r".*")
_AUC = Tolerance(r"(reference_)?(auc|low|high)", absolute=0.02)
_DIFFERENCE = Tolerance(r"difference.*", absolute=0.02)
# one redraw more or less beyond the value doubles the smallest p; resampling is seeded, the scores are not equal
_P_VALUE = Tolerance(r"p_.*", absolute=0.001, relative=0.7)

# columns that no tolerance matches must be equal: counts, names, what follows from labels and seeds
TABLES = (
    Table("study_flow", ("dataset", "step")),
    Table("decoding_flow", ("dataset", "step")),
    Table("decoded", ("dataset",)),
    Table("intensities", ("dataset", "gray"), (Tolerance(r"mean|low|high", absolute=1e-4),)),
    Table("positives", ("dataset", "finding", "role")),
    Table("understood", ("dataset", "about", "what")),
    Table("disease_free", ("what",)),
    Table("label_cooccurrence", ("target", "confounder")),
    Table("published_audit", ("claim",)),
    Table("published_cooccurrence", ("published_table", "diagnosis", "confounder")),
    Table("reader_table_[12]", ("diagnosis", "confounder")),
    Table("reader_pairwise", ("kind", "reader_a", "reader_b")),
    Table("reader_discordant", ("kind", "diagnosis", "confounder", "image_id")),
    Table("reader_template", ("diagnosis", "image_id")),
    Table("data_efficiency_readers", ("finding", "reader")),
    Table("split_*", ("patient_id",)),
    Table("head", ("finding",)),
    Table("twins", ("finding", "direction")),
    Table("witness", ("finding",), (_AUC,)),
    # a gate measures AUCs, spreads and differences of rounding; what passed must pass
    Table("gates_*", ("classifier", "output", "gate"), (Tolerance(r"value|bound", absolute=0.1, relative=0.2),)),
    Table("baseline_*", ("finding",)),
    Table("auc", ("model", "finding"), (_AUC,)),
    Table("comparison", ("reference", "finding"), (_AUC, _DIFFERENCE, _P_VALUE)),
    Table(
        "data_efficiency",
        ("finding", "fraction"),
        (_AUC, Tolerance(r"readers_(above|below)", absolute=1), Tolerance(r"training_sd", absolute=0.01)),
    ),
    Table(
        "calibration",
        ("model", "finding"),
        (
            Tolerance(r"brier.*", relative=0.1),
            Tolerance(r"skill", absolute=0.02),
            Tolerance(r"observed_to_expected|low|high|slope|intercept", relative=0.1),
            Tolerance(r"calibration_error", relative=1.0),
        ),
    ),
    Table(
        "subgroups",
        ("model", "attribute", "group", "finding"),
        # of a dozen positives
        (Tolerance(r"auc|low|high", absolute=0.05), Tolerance(r"missed.*", absolute=0.25)),
    ),
)

# which rows there are depends on the network, or a row is one radiograph or one pair; their sums are metrics
SUMMED_UP = (
    "audit",  # the folder of other classifiers' audits
    "confounders",
    "counterfactuals",
    "counterfactual_quality",
    "reconstruction",
    "reliance",
    "subgroup_gaps",
)

# of our head, and below its name of any other classifier that is audited
_AUDIT = r"confounders\.([^.]+\.)?"
_AUDITS = (
    Tolerance(_AUDIT + r"(cace\.)?pairs"),  # of outputs that passed their gates
    Tolerance(_AUDIT + r"(cace\.)?(appear|rises|falls|flagged)", absolute=3, relative=0.2),
    Tolerance(_AUDIT + r"latents_r2", absolute=0.05),
    # 0 where nothing is wrong, and steps of a pair in a few hundred
    Tolerance(_AUDIT + r"cace\.false_alarms", absolute=0.02),
    Tolerance(
        _AUDIT + r"cace\.(falls_average_precision|average_precision|roc_auc|spearman|coverage|slope)", absolute=0.05
    ),
    # of two rivals that agree, or of a hundred flagged pairs
    Tolerance(_AUDIT + r"cace\.(precision|recall|rivals\..*)", absolute=0.1),
)

# the first that matches counts
METRICS = (
    *_AUDITS,
    # which pairs the audit flags depends on the network
    Tolerance(r"reliance\..*\.mean_drop", absolute=0.005),
    Tolerance(r"reliance\..*\.largest_drop", absolute=0.02),
    Tolerance(r"reliance\..*", absolute=3, relative=0.2),
    # trained end to end from rounding that differs, and most findings have few positives
    Tolerance(r"train_cnn\.auc\..*", absolute=0.1),
    Tolerance(r"train_cnn\..*macro_auc", absolute=0.01),
    Tolerance(r"train_cnn\..*"),
    Tolerance(r"pretrain\.(parameters|images)\..*|evaluate_pretraining\.images|fit_head\..*|reader_study\..*"),
    Tolerance(
        r".*\.(findings|.*macro_auc_(findings|left_out)|exact|draws|undefined_redraws|unscored_images|planted|(drawn_)?pairs|patients|images|reference)"
    ),
    Tolerance(r"pretrain\..*_loss", relative=0.02),
    Tolerance(r"evaluate_pretraining\.information\.infonce_.*", absolute=0.05),  # the error is 0 where it saturates
    Tolerance(r"evaluate_pretraining\..*", relative=0.05),
    Tolerance(r".*\.at_least_0\..*", absolute=3),
    Tolerance(r".*\.auc\..*|.*\.findings\..*\.auc|subgroups\..*\.macro_auc\..*", absolute=0.02),
    Tolerance(r".*macro_auc.*|compare\..*mean_difference", absolute=0.005),
    Tolerance(r"compare\.(.*\.)?((wins|losses)(_holm)?|ties|significant_.*)", absolute=5),
    Tolerance(r"subgroups\..*\.(tested|significant_.*)", absolute=3),
    Tolerance(r"calibration\..*", relative=0.1),
    Tolerance(r".*\.readers_(above|below)", absolute=1),
    Tolerance(r"explain\.reconstruction\.ssim(_low|_high)?", absolute=0.001),
    Tolerance(r"explain\.reconstruction\.psnr.*", relative=0.02),
    Tolerance(r".*", relative=0.2),
)


def table(name: str) -> Table | None:
    """The entry of `TABLES` for a table; None where its numbers are summed up in the metrics.

    A table that is in neither list has rows by number and must be equal.
    """
    if name in SUMMED_UP:
        return None
    return next((entry for entry in TABLES if fnmatch(name, entry.pattern)), Table(name, ()))


def first_match(tolerances: tuple[Tolerance, ...], key: str) -> Tolerance:
    """The first tolerance whose pattern is `key`'s; none: `EQUAL`."""
    return next((entry for entry in tolerances if re.fullmatch(entry.pattern, key)), EQUAL)
