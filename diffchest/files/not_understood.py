"""Cells that nobody understood: counted, with an example."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from diffchest.progress import notice


@dataclass(frozen=True)
class Counted:
    """A column of `rows` cells that was read as `meaning`: `blank` ones, `strange` ones not understood.

    `example` is the most frequent one of the latter, "" without any.
    """

    column: str
    meaning: str
    rows: int
    blank: int
    strange: int
    example: str


class Tally:
    """Counts what of a table's columns was blank and what was not understood."""

    def __init__(self) -> None:
        self.columns: list[Counted] = []

    def count(self, column: str, meaning: str, *, rows: int, blank: int, strange: pd.Series) -> None:
        """Add a column that was read as `meaning` (age, sex, view); `strange`: its cells that are no such thing."""
        often = strange.value_counts()
        example = "" if strange.empty else min(often.index[often == often.max()])
        self.columns.append(Counted(column, meaning, rows, blank, len(strange), example))

    def tell(self, path: Path | str) -> None:
        """A notice for each column of the table `path` with cells that are not understood."""
        for one in self.columns:
            if one.strange:
                notice(
                    f"{path}: column {one.column!r}: {one.strange:,} of {one.rows:,} cells are not understood as "
                    f"{one.meaning}, such as {one.example!r}; {_then(one.meaning)}"
                )


def _then(meaning: str) -> str:
    return "they stay as they are spelled" if meaning == "view" else "they count as not known"
