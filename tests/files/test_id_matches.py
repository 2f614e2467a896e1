"""Why ids do not match: what they are equal up to."""

import pytest

from diffchest.files.id_matches import equal_up_to


@pytest.mark.parametrize(
    ("found", "wanted", "reason"),
    [
        (["7", "8"], ["007", "x"], "1 of them are equal up to leading zeros (numbers against text"),
        (["7.0"], ["7"], "a `.0` at the end"),
        (["A1"], ["a1"], "case: 'A1' and 'a1'"),
        (["a.png"], ["a"], "the suffix of a file"),
        (["a"], ["own/a"], "a folder or a dataset's name before them"),
        (["x/a.png"], ["own/a"], "a folder before and a suffix behind"),
        (["a-1"], ["A 1"], "blanks, dashes and underscores"),
        (["a"], ["b"], ""),
        ([], ["b"], ""),
    ],
)
def test_the_reason_and_a_pair_are_told(found, wanted, reason):
    told = equal_up_to(found, wanted)
    assert (reason in told) if reason else told == ""
