"""One finding, one spelling."""

import pytest

from diffchest.errors import DataError
from diffchest.findings.spelling import check_spellings, same_name


def test_spellings_of_one_name_stop_with_their_counts():
    check_spellings({"Pleural effusion": 3, "Effusion": 1, "Pleural_effusion": 1}, where="t")
    with pytest.raises(
        DataError, match=r"^t: 2 names .*: 'Mass' \(3\), 'mass' \(1\); 'a  b' \(2\), 'a b' \(1\); spell"
    ):
        check_spellings({"mass": 1, "Mass": 3, "a b": 1, "a  b": 2, "x": 9}, where="t", what="names")
    assert same_name(" Straße\t x ") == same_name("STRASSE X")
