"""One id, one spelling."""

import pandas as pd
import pytest

from diffchest.errors import DataError
from diffchest.files.id_spellings import check_ids, same_id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("7", "007"), ("7", "7.0"), ("007", "7.00"), ("0", "000"), ("p1", "P1"), ("a b", "a  b")),
        *(('="007"', "7"), ("M\u00fcller", "Mu\u0308ller")),
    ],
)
def test_spellings_of_one_id_stop_with_their_rows(one, other):
    assert same_id(one) == same_id(other)
    with pytest.raises(DataError, match=r"^t: 1 patients are spelled in several ways.*\(2\).*; spell each in one way"):
        check_ids(pd.Series([one, other, other, "x"]), where="t")


@pytest.mark.parametrize(("one", "other"), [("7", "70"), ("p7", "p07"), ("1-23", "12-3"), ("7.5", "7"), ("", "0")])
def test_other_ids_are_others(one, other):
    check_ids(pd.Series([one, other, "", ""]), where="t")


@pytest.mark.parametrize("name", ["1.23457E+11", "1,23457E+11", "1.2e+15"])
def test_ids_that_a_spreadsheet_shortened_are_refused(name):
    with pytest.raises(DataError, match=r"t: 1 ids of readers are shortened numbers, .*export the table again"):
        check_ids(pd.Series([name, name, "1E10", "E11.5"]), where="t", what="readers")
