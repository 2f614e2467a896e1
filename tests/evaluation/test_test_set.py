"""Files of other models: features with image ids, and scores of a part of the test images."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from diffchest.errors import DataError
from diffchest.evaluation.auc import auc_table
from diffchest.evaluation.calibration import calibration_tables
from diffchest.evaluation.comparison import comparison_table
from diffchest.evaluation.subgroups import subgroup_tables
from diffchest.evaluation.test_set import TestSet
from tests.helpers.evaluation import BOOTSTRAP, GROUPS, TESTS

N = 200
IDS = [f"set/{number}" for number in range(N)]


@pytest.fixture(scope="module")
def test_set():
    y = np.random.default_rng(0).random((N, 2)) < 0.4
    labels = pd.DataFrame(y * 1.0, columns=["edema", "mass"], index=pd.Index(IDS, name="image_id"))
    return TestSet.choose(labels, np.arange(N) // 2, positives_above=20)


@pytest.fixture(scope="module")
def scores(test_set):
    """Of two models: one of all images, one of 150 in another order."""
    rng = np.random.default_rng(1)
    ours, theirs = (1 / (1 + np.exp(-test_set.labels - rng.normal(size=(N, 2)))) for _ in range(2))
    return ours, theirs.iloc[rng.permutation(N)[:150]]


def part_of(test_set, theirs):
    """The test set cut to the images of a model by hand, and their places."""
    rows = [row for row, image_id in enumerate(IDS) if image_id in set(theirs.index)]
    return TestSet(test_set.labels.iloc[rows], test_set.patients[rows]), rows


def test_a_model_is_evaluated_on_the_images_it_scores(test_set, scores):
    _, theirs = scores
    table, metrics = auc_table(test_set, theirs, model="theirs", drawn=(), params=BOOTSTRAP)
    assert metrics["unscored_images"] == 50
    for row in table.itertuples():
        assert row.n == 150
        y = test_set.labels.loc[theirs.index, row.finding]
        assert row.auc == pytest.approx(roc_auc_score(y, theirs[row.finding]))
        assert row.positives == y.sum()


def test_two_models_are_compared_on_the_images_both_score(test_set, scores):
    ours, theirs = scores
    part, rows = part_of(test_set, theirs)
    found = comparison_table(test_set, ours, theirs, **TESTS)
    expected = comparison_table(part, ours.iloc[rows], theirs.loc[part.labels.index], **TESTS)
    pd.testing.assert_frame_equal(found, expected)
    assert set(found["n"]) == {150}
    first = found.iloc[0]
    y = test_set.labels.loc[theirs.index, first["finding"]]
    assert first["auc"] == pytest.approx(roc_auc_score(y, ours.loc[theirs.index, first["finding"]]))


def test_groups_and_calibration_take_the_same_part(test_set, scores):
    _, theirs = scores
    part, rows = part_of(test_set, theirs)
    about = pd.DataFrame({"sex": np.where(np.arange(N) % 3, "F", "M"), "age": np.linspace(20, 90, N), "view": "PA"})
    options = {"model": "theirs", "params": GROUPS, "bootstrap": BOOTSTRAP}
    ordered = theirs.loc[part.labels.index]
    found = subgroup_tables(test_set, theirs, about, **options)
    for table, expected in zip(found, subgroup_tables(part, ordered, about.iloc[rows], **options), strict=True):
        pd.testing.assert_frame_equal(table, expected)
    found = calibration_tables(test_set, theirs, model="theirs", params=BOOTSTRAP)
    for table, expected in zip(found, calibration_tables(part, ordered, model="theirs", params=BOOTSTRAP), strict=True):
        pd.testing.assert_frame_equal(table, expected)


def test_findings_that_become_too_rare_are_left_out_and_no_image_is_an_error(test_set, scores):
    positives = test_set.labels["edema"] == 1
    few = pd.concat([scores[0][~positives], scores[0][positives].head(5)])
    assert list(test_set.scored_by(few).labels.columns) == ["mass"]
    with pytest.raises(DataError, match="none of the 200 test radiographs is scored by all models"):
        test_set.scored_by(scores[0].head(20), scores[0].tail(20))
