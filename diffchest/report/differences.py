"""What differs between two reports, number by number."""

import csv
import io
import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from diffchest.report.tolerances import EQUAL, METRICS, Table, Tolerance, first_match

ABSENT, THERE = "absent", "there"


@dataclass(frozen=True)
class Difference:
    """A number, text or row that is off: where, both values as text, and by how much of what is allowed."""

    where: str
    committed: str
    found: str
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.committed} -> {self.found}" + (f"  ({self.remark})" if self.remark else "")


@dataclass(frozen=True)
class Comparison:
    """One file of the report: how many values were compared, and those that are off."""

    name: str
    values: int
    differences: list[Difference]


def compare_metrics(name: str, committed: Mapping[str, Any], found: Mapping[str, Any]) -> Comparison:
    """Compare nested metrics leaf by leaf, by the tolerances of `METRICS`; a key on one side only is a difference."""
    old, new = (dict(leaves(metrics)) for metrics in (committed, found))
    keys = sorted(old.keys() | new.keys())
    pairs = ((key, old.get(key, ABSENT), new.get(key, ABSENT), first_match(METRICS, key)) for key in keys)
    return Comparison(name, len(keys), [off for pair in pairs if (off := _difference(*pair)) is not None])


def leaves(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of every leaf of a nested mapping."""
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def compare_tables(name: str, committed: str | None, found: str | None, table: Table) -> Comparison:
    """Compare two CSV texts cell by cell; None: not there.

    Rows are matched by the key columns of `table` and columns by name; of rows with the same key the first is compared
    with the first. Rows and columns on one side only are differences, and so is another order of the rows where every
    column must be equal.
    """
    if committed is None or found is None:
        sides = (ABSENT if text is None else THERE for text in (committed, found))
        return Comparison(name, 1, [Difference("file", *sides)])
    (old_columns, old), (new_columns, new) = (_rows(text, table.keys) for text in (committed, found))
    columns = [column for column in old_columns if column in new_columns and column not in table.keys]
    off = [Difference(f"column {column}", THERE, ABSENT) for column in old_columns if column not in new_columns]
    off += [Difference(f"column {column}", ABSENT, THERE) for column in new_columns if column not in old_columns]
    off += [Difference(row, THERE, ABSENT) for row in old if row not in new]
    off += [Difference(row, ABSENT, THERE) for row in new if row not in old]
    both = [row for row in old if row in new]
    for column in columns:
        tolerance = first_match(table.columns, column)
        typical = _typical([old[row][column] for row in both])
        cells = ((f"{row}: {column}", old[row][column], new[row][column], tolerance, typical) for row in both)
        off += [difference for cell in cells if (difference := _difference(*cell)) is not None]
    if not off and not table.columns and committed != found:
        off.append(Difference("order", "rows and columns as committed", "another order, or written in another way"))
    return Comparison(name, len(both) * len(old_columns), off)


def _rows(text: str, keys: tuple[str, ...]) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Columns, and the rows by what names them: their key columns, or without these their number."""
    reader = csv.DictReader(io.StringIO(text), restkey="", restval="")
    seen: Counter[str] = Counter()
    rows = {}
    for number, row in enumerate(reader, start=1):
        name = ", ".join(row.get(key, "") for key in keys) if keys else f"row {number}"
        seen[name] += 1
        rows[name if seen[name] == 1 else f"{name} (occurrence {seen[name]})"] = row
    return list(reader.fieldnames or []), rows


def _difference(
    where: str, committed: Any, found: Any, tolerance: Tolerance = EQUAL, typical: float = 0.0
) -> Difference | None:
    """What to say of two values; None where they agree."""
    a, b = _as_number(committed), _as_number(found)
    agree = _text(committed) == _text(found) if a is None or b is None else tolerance.allows(a, b, typical)
    if agree:
        return None
    remark = ""
    if a is not None and b is not None and math.isfinite(b - a):
        remark = f"off by {abs(b - a):.3g}, allowed {tolerance.allowed(a, b, typical):.3g} ({tolerance})"
    return Difference(where, _text(committed), _text(found), remark)


def _typical(cells: list[str]) -> float:
    """The median size of the numbers of a column; 0 where it has none."""
    numbers = [abs(number) for cell in cells if (number := _as_number(cell)) is not None and math.isfinite(number)]
    return statistics.median(numbers) if numbers else 0.0


def _as_number(value: Any) -> float | None:
    """A number of a metrics file or a CSV cell; None for what is none, as null, true, an empty cell or a name."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _text(value: Any) -> str:
    return {"None": "null", "": "(empty)"}.get(str(value), str(value))
