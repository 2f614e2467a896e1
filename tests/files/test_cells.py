"""What cells mean, compared with DICOM's rules (PS3.5 6.2, AS) and with hand-written tables."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffchest.files.cells import age_years, ids, no_id, numbers, sex_codes, view_names
from diffchest.files.not_understood import Counted, Tally


def column(*cells):
    return pd.Series(cells, name="column", dtype=str)


def counted(read, *cells):
    """What was read, and blank, not understood and an example."""
    tally = Tally()
    found = read(column(*cells), tally).tolist()
    (row,) = tally.columns
    assert row.rows == len(cells)
    return found, (row.blank, row.strange, row.example)


@settings(max_examples=40)
@given(st.integers(0, 999), st.sampled_from(["D", "W", "M", "Y"]))
def test_ages_of_dicom_are_years_and_at_most_120(number, unit):
    years = number * {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1}[unit]
    (age,) = age_years(column(f"{number:03d}{unit}"))
    assert (np.isnan(age) and years > 120) or age == pytest.approx(years, rel=1e-12)


@pytest.mark.parametrize(
    ("cell", "years"),
    [("58", 58), (" 61.5 ", 61.5), ("61,5", 61.5), ("58.0", 58), ("58 years", 58), ("058y", 58), ("18 months", 1.5), ("0", 0)],
)  # fmt: skip
def test_ages_of_other_programs(cell, years):
    assert age_years(column(cell)).tolist() == [years]


def test_ages_that_are_none_are_counted():
    found, counts = counted(age_years, "414", "-1", "414", "90+", "", "NaN", "-", "1e1", "fifty")
    assert np.isnan(found).all()
    assert counts == (3, 6, "414")


@settings(max_examples=40)
@given(st.text())
def test_any_age_cell_gives_a_plausible_age_or_none(cell):
    (age,) = age_years(column(cell))
    assert np.isnan(age) or 0 <= age <= 120


def test_sexes_are_read_and_codes_not_guessed():
    found, counts = counted(sex_codes, "M", "male ", "F", "Female", "W", "woman", "1", "2", "O", "1", "", "unknown")
    assert found == ["M", "M", "F", "F", "F", "F", "", "", "", "", "", ""]
    assert counts == (2, 4, "1")


def test_m_beside_h_is_no_man():
    """In Spanish H is hombre and M mujer."""
    assert counted(sex_codes, "H", "M", "M")[0] == ["", "", ""]
    assert counted(sex_codes, "H", "M", "F")[0] == ["", "M", "F"]


def test_views_keep_their_spelling_and_unknown_ones_are_counted():
    found, counts = counted(
        view_names, "PA", " pa", "ap", "AP_horizontal", "LATERAL", "AP LLD", "XTABLE LATERAL", "view 3", "", "UNK", "Thorax"
    )  # fmt: skip
    assert found[:3] == ["PA", "PA", "AP"]
    assert found[3:] == ["AP_horizontal", "LATERAL", "AP LLD", "XTABLE LATERAL", "view 3", "", "", "Thorax"]
    assert counts == (2, 2, "Thorax")


def test_ids_lose_blanks_and_nothing_else():
    assert ids(column(" 007 ", "\u00a0a b\ufeff", "\u200bx\t")).tolist() == ["007", "a b", "x"]
    assert no_id(column("nan", "None", "NULL", "-", "N/A", "", "NaT", "<NA>", "unknown", "0", "na1", "7")).tolist() == (
        [True] * 9 + [False] * 3
    )


def test_numbers_with_commas_and_those_that_are_none():
    assert numbers(column("0,5", "-1,25e2", "3")).tolist() == [0.5, -125, 3]
    np.testing.assert_array_equal(numbers(column("", "nan", "NULL", "inf")), [np.nan, np.nan, np.nan, np.inf])
    for cells in (("1,234.5",), ("0,5", "0.5"), ("1,234,567",), ("1_000",), ("0x10",), ("yes",), ("1 2",)):
        assert numbers(column(*cells)).tolist() == list(cells)


def test_a_tally_is_told(capsys):
    tally = Tally()
    age_years(column("old", "58"), tally)
    view_names(column("", "PA"), tally)
    tally.tell("t.csv")
    assert capsys.readouterr().err == (
        "note: t.csv: column 'column': 1 of 2 cells are not understood as age, such as 'old'; they count as not known\n"
    )
    assert tally.columns == [
        Counted("column", "age", rows=2, blank=0, strange=1, example="old"),
        Counted("column", "view", rows=2, blank=1, strange=0, example=""),
    ]
