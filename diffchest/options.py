"""Types of the options of a command line: a value out of bounds ends in argparse's line, not in a traceback."""

import argparse
from collections.abc import Callable


def whole_number(least: int) -> Callable[[str], int]:
    """A `type` for argparse: a whole number that is `least` or more."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"expected a whole number, {least} or more, found {text!r}")
        return number

    return read
