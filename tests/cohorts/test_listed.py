"""Cells that list findings."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffchest.cohorts.listed import listed_names
from diffchest.errors import DataError


@given(st.lists(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=12), max_size=6))
def test_a_list_cell_gives_its_stripped_names(names):
    expected = [name.strip() for name in names if name.strip()]
    assert listed_names(repr(names), where="t.csv") == expected


@given(st.text(max_size=60))
def test_any_list_cell_is_read_or_refused(cell):
    with contextlib.suppress(DataError):
        assert all(name == name.strip() != "" for name in listed_names(cell, where="t.csv"))


@pytest.mark.parametrize(
    "cell", ["['Mass' 'Edema']", "['Mass', None]", "['Mass', ['Edema']]", "[Mass, Edema]", "['a' \"b\"]"]
)
def test_a_list_that_python_would_read_as_something_else_is_refused(cell):
    with pytest.raises(DataError, match=r"t\.csv: expected a list of names like"):
        listed_names(cell, where="t.csv")
