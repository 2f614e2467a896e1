import re

import pytest

from diffchest.report.differences import leaves
from diffchest.report.tolerances import METRICS, SUMMED_UP, TABLES, Tolerance, first_match, table
from tests.helpers.repository import outputs, pipeline_stages

NAN, INF = float("nan"), float("inf")
RELATIVE, ABSOLUTE, EXACT = Tolerance("x", relative=0.2), Tolerance("x", absolute=0.02), Tolerance("x")


@pytest.mark.parametrize(
    ("tolerance", "committed", "found", "passes"),
    [
        (RELATIVE, 0.05, 0.0, False),  # all of it is gone, however little it was
        (RELATIVE, 5e-9, 0.0, False),
        (RELATIVE, 0.0, 5e-9, False),
        (RELATIVE, 0.0, -0.0, True),
        (RELATIVE, 0.05, -0.05, False),
        (RELATIVE, 5e-9, 5.9e-9, True),
        (RELATIVE, 5e-9, 6.4e-9, False),
        (RELATIVE, 6.4e-9, 5e-9, False),  # which of the two is committed does not matter
        (ABSOLUTE, 0.81, 0.79, True),
        (ABSOLUTE, 0.81, 0.7899, False),
        (ABSOLUTE, 0.01, -0.01, True),
        (EXACT, 74, 74.0, True),
        (EXACT, 74, 75, False),
        (EXACT, 0.1, 0.100001, False),
        (RELATIVE, NAN, NAN, True),
        (RELATIVE, NAN, 0.0, False),
        (RELATIVE, 0.0, NAN, False),
        (RELATIVE, INF, INF, True),
        (RELATIVE, INF, -INF, False),
        (RELATIVE, 1.0, INF, False),
    ],
)
def test_a_number_may_be_off_by_a_part_of_its_size_or_by_what_is_said(tolerance, committed, found, passes):
    assert tolerance.allows(committed, found) == passes


def test_a_cell_near_zero_is_held_to_the_size_of_its_column():
    assert RELATIVE.allows(1e-6, 3e-6, typical=2e-5)
    assert not RELATIVE.allows(1e-6, 6e-6, typical=2e-5)
    assert RELATIVE.allows(1e-3, 1.19e-3, typical=2e-5)  # a large one to its own


@pytest.mark.parametrize(
    ("committed", "found", "passes"),
    [
        (0.05, 0.0, False),
        (0.2, 0.1, True),
        (0.1, 0.2, True),
        (1e-4, 2e-4, True),  # one redraw of 10,000 more
        (1e-30, 1e-20, True),
        (1e-30, 0.05, False),
        (1.0, 1.0, True),
    ],
)
def test_p_values_may_double_and_not_vanish(committed, found, passes):
    entry = table("comparison")
    assert first_match(entry.columns, "p_value").allows(committed, found) == passes


@pytest.mark.parametrize(
    ("key", "committed", "found", "passes"),
    [
        ("pretrain.train_loss", 0.054645, 0.0546368, True),
        ("pretrain.train_loss", 0.054645, 0.0, False),
        ("pretrain.validation_loss", 0.0466625, 0.05, False),
        ("pretrain.parameters.unet", 821424, 821425, False),
        ("train_cnn.drawn_macro_auc", 0.9965, 0.9969, True),
        ("train_cnn.drawn_macro_auc", 0.9965, 0.98, False),
        ("train_cnn.parameters", 146557, 146558, False),
        ("evaluate_pretraining.bound.prior", 8.53183e-06, 0.0, False),
        ("evaluate.diffchest.macro_auc", 0.805951, 0.805951 + 0.0003, True),
        ("evaluate.diffchest.macro_auc", 0.805951, 0.79, False),
        ("evaluate.diffchest.macro_auc_undefined_redraws", 0, 1, False),
        ("evaluate.diffchest.auc.suture material", 0.732816, 0.73416, True),
        ("evaluate.diffchest.auc.pneumonia", 0.683645, 0.5, False),
        ("evaluate.diffchest.findings", 74, 73, False),
        ("compare.wins", 58, 60, True),
        ("compare.wins", 58, 0, False),
        ("compare.mean_difference", 0.0257569, 0.0, False),
        ("compare.others.theirs.mean_difference", 0.0257569, 0.0257218, True),
        ("confounders.pairs", 992, 991, False),
        ("confounders.flagged", 28, 30, True),
        ("confounders.flagged", 28, 0, False),
        ("confounders.cace.pairs", 992, 960, False),
        ("confounders.cace.average_precision", 0.95528, 0.94, True),
        ("confounders.cace.average_precision", 0.95528, 0.85, False),
        ("confounders.cace.false_alarms", 0.0, 0.00333333, True),
        ("confounders.cace.false_alarms", 0.0, 0.05, False),
        ("confounders.cace.rivals.moved_z.ahead_low", -0.000426301, 0.0002, True),
        ("confounders.small_cnn.pairs", 992, 991, False),
        ("confounders.small_cnn.latents_r2", 0.62027, 0.6, True),
        ("confounders.small_cnn.latents_r2", 0.62027, 0.3, False),
        ("confounders.small_cnn.cace.spearman", 0.968066, 0.95, True),
        ("confounders.small_cnn.cace.spearman", 0.968066, 0.8, False),
        ("confounders.small_cnn.cace.rises", 227, 220, True),
        ("confounders.small_cnn.cace.rivals.lift.average_precision", 0.372761, 0.6, False),
        ("confounders.small_cnn.cace.icace.l2", 4.17089, 4.3, True),
        ("reliance.labels.mean_drop", -0.000763132, 0.000837471, True),
        ("reliance.audit.pairs", 67, 69, True),
        ("explain.reconstruction.mae", 0.000215493, 0.000210526, True),
        ("explain.reconstruction.mae", 0.000215493, 0.0145, False),
        ("reader_study.treatment.mean_kappa", 0.788051, 0.7881, False),
    ],
)
def test_two_processors_agree_and_a_lost_result_does_not(key, committed, found, passes):
    """What passes was measured on two processors or is named in the module; what fails is a result that is gone."""
    assert first_match(METRICS, key).allows(committed, found) == passes


def test_every_table_of_the_pipeline_is_compared_or_summed_up_and_no_entry_is_for_nothing():
    written = [path for stage in pipeline_stages().values() for path in outputs(stage)]
    names = {path.split("/")[-1].partition(".")[0] for path in written if path.startswith("reports/tables/")}
    names = {re.sub(r"\$\{.*\}", "pca", name) for name in names}
    entries = {name: table(name) for name in names}
    assert {name for name, entry in entries.items() if entry is None} == set(SUMMED_UP)
    assert {entry for entry in entries.values() if entry is not None} == set(TABLES)


def test_keys_of_nested_metrics_are_dotted():
    assert list(leaves({"a": {"b": 1, "c": {"d": None}}, "e": 2})) == [("a.b", 1), ("a.c.d", None), ("e", 2)]
