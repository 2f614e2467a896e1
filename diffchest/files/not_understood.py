"""Cells that nobody understood: counted with an example, in the log and in a table."""

from pathlib import Path
from typing import Any

import pandas as pd

from diffchest.progress import notice

COLUMNS = ["dataset", "column", "read_as", "rows", "blank", "cells", "example"]


class Tally:
    """Counts what of a table's columns was blank and what was not understood.

    `cells` is the number of cells that are not understood, `example` the most frequent one.
    """

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def count(self, column: str, meaning: str, *, rows: int, blank: int, strange: pd.Series) -> None:
        """Add a column that was read as `meaning` (age, sex, view); `strange`: its cells that are no such thing."""
        often = strange.value_counts()
        example = "" if strange.empty else min(often.index[often == often.max()])
        found = {"column": column, "read_as": meaning, "rows": rows, "blank": blank, "cells": len(strange)}
        self._rows.append(found | {"example": example})

    def table(self, dataset: str) -> pd.DataFrame:
        """`COLUMNS`: a row for each column that was read."""
        return pd.DataFrame([{"dataset": dataset, **row} for row in self._rows], columns=COLUMNS)

    def tell(self, path: Path | str) -> None:
        """A notice for each column of the table `path` with cells that are not understood."""
        for row in self._rows:
            if row["cells"]:
                notice(
                    f"{path}: column {row['column']!r}: {row['cells']:,} of {row['rows']:,} cells are not "
                    f"understood as {row['read_as']}, such as {row['example']!r}; {_then(str(row['read_as']))}"
                )


def _then(meaning: str) -> str:
    return "they stay as they are spelled" if meaning == "view" else "they count as not known"
