"""Which radiographs have equal pixels, and what comes of it."""

import pandas as pd
import pytest

from diffchest import paths
from diffchest.cohorts.equal_squares import (
    check_equal_squares,
    copies_to_leave_out,
    equal_squares,
    report_equal_squares,
)
from diffchest.errors import DataError

ROWS = [  # dataset, image, patient, role, pixels
    ("a", "1", "p", "test", b"one"),
    ("a", "2", "p", "test", b"one"),
    ("a", "3", "q", "test", b"two"),
    ("a", "4", "r", "test", b"two"),
    ("a", "5", "r", "test", b"single"),
    ("a", "6", "s", "finetune", b"three"),
    ("b", "1", "p", "pretrain", b"three"),
    ("b", "2", "q", "pretrain", b"four"),
    ("b", "3", "r", "finetune", b"four"),
    ("b", "4", "t", "test", b"four"),
    ("b", "5", "t", "test", b"four"),
]


@pytest.fixture
def equal():
    stored = pd.DataFrame(
        {
            "dataset": dataset,
            "image_id": f"{dataset}/{image}",
            "patient_id": f"{dataset}/{patient}",
            "role": role,
        }
        for dataset, image, patient, role, _ in ROWS
    )
    return equal_squares(stored, [row[-1] for row in ROWS])


def test_equal_squares_are_told_by_whom_they_cross(equal):
    found = equal.groupby("equal")["image_id"].apply(list).to_dict()
    assert found == {
        "of one patient": ["a/1", "a/2"],
        "across patients": ["a/3", "a/4"],
        "across roles": ["a/6", "b/1", "b/2", "b/3", "b/4", "b/5"],
    }
    assert equal["square"].nunique() == 4


def test_the_copy_in_pretraining_goes_before_that_in_fine_tuning_before_that_in_the_test_set(equal):
    reason = "its pixels equal those of a radiograph with role "
    left_out = {"b/1": reason + "finetune", "b/2": reason + "test", "b/3": reason + "test"}
    assert copies_to_leave_out(equal, "drop") == left_out
    assert copies_to_leave_out(equal, "keep") == copies_to_leave_out(equal, "stop") == {}


def test_equal_squares_across_roles_stop_the_run_or_not(equal):
    words = r"6 radiographs in 2 groups have equal pixels across roles, such as a/6 \(finetune\) and b/1 \(pretrain\)"
    with pytest.raises(DataError, match=words + r".*data/equal_squares\.csv.*images\.equal_squares to drop"):
        check_equal_squares(equal, "stop")
    check_equal_squares(equal, "drop")
    check_equal_squares(equal, "keep")
    check_equal_squares(equal[equal["equal"] != "across roles"], "stop")


def test_equal_squares_are_listed_and_told(equal, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    paths.DATA.mkdir()
    report_equal_squares(equal)
    told = capsys.readouterr().err
    assert "2 radiographs in 1 groups have equal pixels of one patient, such as a/1 (test) and a/2 (test)" in told
    pd.testing.assert_frame_equal(pd.read_csv(paths.EQUAL_SQUARES), equal)
