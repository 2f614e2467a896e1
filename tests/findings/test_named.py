"""Names of findings in the parameters, against those of the labels."""

import pandas as pd
import pytest

from diffchest.errors import DataError
from diffchest.findings.named import check_known, not_to_fit, unknown_names, unused_prompts
from diffchest.near_names import did_you_mean, near_names

GERMAN = ["Kein Befund", "Pleuraerguss", "Lungenödem", "Raumforderung"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Pleuraerguß", "Pleuraerguss"), ("Lungenoedem", "Lungenödem"), ("LUNGENO\u0308DEM", "Lungenödem")],
)
def test_german_names_in_another_spelling_are_near(name, meant):
    assert near_names(name, GERMAN) == [meant]


def test_where_no_name_is_near_those_that_there_are_are_listed():
    assert did_you_mean("Herz", GERMAN).startswith("there are 'Kein Befund', ")
    assert did_you_mean("x", [f"finding {number}" for number in range(12)]).endswith("'finding 9' and 2 more")
    assert did_you_mean("x", []) == "there are none"


def test_all_unknown_names_are_in_one_error():
    lines = unknown_names({"a": ["Erguss", "Kein Befund"], "b": ["Ödem", "Ödem"]}, GERMAN, dataset="ward")
    with pytest.raises(DataError, match=r"names 2 finding\(s\).*\n  a: ward .*'Pleuraerguss'\?\n  b: ward") as told:
        check_known(lines)
    assert len(str(told.value).splitlines()) == 3
    check_known([])


def test_prompts_are_for_findings_in_any_case_and_for_nothing_abnormal():
    prompts = {"pleuraerguss": ["a", "b"], "normal": ["a", "b"], "No Finding": ["a", "b"], "Erguß": ["a", "b"]}
    assert unused_prompts(prompts, GERMAN) == ["Erguß"]


def test_a_target_needs_both_classes():
    nan = float("nan")
    labels = pd.DataFrame({"a": [1, 1, nan], "b": [0, 0, nan], "c": [1, 0, nan], "d": [nan, nan, nan]})
    assert not_to_fit(["a", "b", "c", "d"], labels) == {
        "a": "2 with it, 0 without",
        "b": "0 with it, 2 without",
        "d": "0 with it, 0 without",
    }
