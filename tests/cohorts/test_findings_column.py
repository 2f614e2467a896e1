"""The column of findings: names, never codes, printed containers or words for nothing."""

import pandas as pd
import pytest

from diffchest.cohorts.findings_column import read_findings
from diffchest.cohorts.understood import Understood
from diffchest.errors import DataError


def read(*cells, separator="|"):
    return told_of(*cells, separator=separator)[0]


def told_of(*cells, separator="|"):
    """The labels, and what was told of the column."""
    told = Understood()
    labels = read_findings(pd.Series(cells, dtype=str, name="f"), separator, where="t.csv", told=told)
    return labels, told.table("own")


def found(*cells, **options):
    """The findings of each cell; None where nothing is assessed."""
    rows = [row[row.notna()] for _, row in read(*cells, **options).iterrows()]
    return [sorted(row.index[row == 1]) if len(row) else None for row in rows]


def test_words_for_nothing_are_not_assessed_and_told():
    words = ("N/A", "#N/A", "-", "<NA>", "?", "None", "", " ")
    assert found("Edema", *words) == [["Edema"], *[None] * len(words)]
    (told,) = told_of("Edema", *words, "-")[1].to_dict("records")
    assert (told["about"], told["number"], told["of"]) == ("look at", 9, 10)
    assert told["what"].startswith("column 'f': blank cells")
    assert told["example"] == "7 words such as '-'"


@pytest.mark.parametrize("cell", ["['Edema', 'Mass']", "('Mass', 'Edema')", "{'Edema', 'Mass'}", '["Edema", "Mass"]'])
def test_lists_tuples_and_sets_are_lists_of_names(cell):
    assert found(cell, "Edema", "(left) Mass") == [["Edema", "Mass"], ["Edema"], ["(left) Mass"]]


@pytest.mark.parametrize("cell", ["{'Edema': 1}", "[Edema]", "['Edema' 'Mass']", "['Edema', None]"])
def test_what_is_no_list_of_names_stops(cell):
    with pytest.raises(DataError, match=r"t\.csv: column 'f': expected a list of names"):
        read(cell)


@pytest.mark.parametrize("cells", [("1", "0", ""), ("1.0", "-1"), ("True", "FALSE"), ("yes|no", "no")])
def test_codes_are_no_names(cells):
    with pytest.raises(
        DataError, match=r"expected names of findings, found .*: a column of codes; give it in `labels`"
    ):
        read(*cells)


@pytest.mark.parametrize(
    ("cells", "mark"),
    [
        (("Edema; Mass", "Nodule"), ";"),
        (("Edema|Mass", "Nodule\tMass"), "\t"),
        (("Edema, Mass", "Edema", "mass"), ","),
        (("Edema/Mass", "Edema", "Mass"), "/"),
    ],
)
def test_another_separator_is_named(cells, mark):
    with pytest.raises(DataError, match="as the name of one finding") as caught:
        read(*cells)
    assert f"set `separator` to {mark!r}" in str(caught.value)
    assert found(cells[0].split("|")[0], separator=mark)[0]


def test_a_comma_or_slash_may_be_part_of_a_name():
    assert found("Fracture, old", "Fracture", "Atelectasis/Collapse") == [
        ["Fracture, old"],
        ["Fracture"],
        ["Atelectasis/Collapse"],
    ]
