"""What an option of a command line takes."""

import argparse

import pytest

from diffchest.options import whole_number


def test_the_bound_itself_and_more_are_taken():
    assert [whole_number(4)(text) for text in ("4", "5", "1000")] == [4, 5, 1000]
    assert whole_number(0)("0") == 0


@pytest.mark.parametrize("text", ["3", "-5", "4.5", "many", ""])
def test_anything_else_is_told(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"expected a whole number, 4 or more, found '{text}'"):
        whole_number(4)(text)
