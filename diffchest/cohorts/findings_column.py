"""The column of a table that lists a radiograph's findings, between separators or as `['a', 'b']`."""

import re
from collections import Counter
from collections.abc import Collection

import pandas as pd

from diffchest.cohorts.doubts import DATE, doubt_names, split_by
from diffchest.cohorts.listed import indicator_table, listed_names
from diffchest.cohorts.understood import Understood
from diffchest.errors import DataError
from diffchest.files.cells import no_id
from diffchest.findings.spelling import same_name

LISTED = re.compile(r"[\[({]\s*['\"].*|\[.*", re.DOTALL)  # as programs print lists, tuples, sets and mappings
CODE = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?|true|false|yes|no", re.IGNORECASE)
ALWAYS, OFTEN = (";", "|", "\t", "\n"), (",", "/", "+", "&")  # marks that no name holds, and that some names do
CALLED = {"\t": "tabs", "\n": "line ends"}


def read_findings(cells: pd.Series, separator: str, *, where: str, told: Understood) -> pd.DataFrame:
    """One 0/1 column per finding, NaN where the cell is blank or a word for nothing such as `N/A`, which is `told`.

    Raises `DataError` naming the table `where` and the column for a list that is none, for codes such as 1 and 0 or
    dates instead of names, and for names that are separated by another mark than `separator`.
    """
    column, where = str(cells.name), f"{where}: column {cells.name!r}"
    text = cells.str.strip()
    nothing = no_id(text)
    if nothing.any():
        words = Counter(text[nothing & (text != "")])
        often = min(words, key=lambda word: (-words[word], word), default="")
        told.doubt(
            f"column {column!r}: blank cells and words for nothing are not assessed; where they mean that nothing was "
            "found, write `No Finding`",
            int(nothing.sum()),
            of=len(text),
            example=f"{words.total():,} words such as {often!r}" if words else "",
        )
    text = text.mask(nothing, "")
    names = {cell: _names(cell, separator, where=where) for cell in text.unique() if cell}
    found = list(dict.fromkeys(name for listed in names.values() for name in listed))
    if found and all(CODE.fullmatch(name) for name in found):
        raise DataError(
            f"{where} (`findings`): expected names of findings, found {', '.join(map(repr, found[:4]))}: a column of "
            "codes; give it in `labels` instead"
        )
    if found and all(DATE.fullmatch(name) for name in found):
        raise DataError(f"{where} (`findings`): expected names of findings, found {found[0]!r}: a column of dates")
    _check_separated(found, separator, where=where)
    cells_of = text[text != ""].value_counts()
    doubt_names(told, _times(names, {str(cell): int(n) for cell, n in cells_of.items()}), separator, column=column)
    return indicator_table(text, names)


def _times(names: dict[str, list[str]], cells: dict[str, int]) -> dict[str, int]:
    """In how many cells each name is; names: those of each distinct cell, which occurs so often."""
    times: Counter[str] = Counter()
    for cell, listed in names.items():
        times.update(dict.fromkeys(listed, cells[cell]))
    return dict(times)


def _names(cell: str, separator: str, *, where: str) -> list[str]:
    """The findings in one cell."""
    if LISTED.fullmatch(cell):
        return listed_names(cell, where=where)
    return [name for name in (part.strip() for part in cell.split(separator)) if name]


def _check_separated(found: Collection[str], separator: str, *, where: str) -> None:
    """`DataError` for names that are several, joined by another mark than `separator`.

    A comma or slash may be part of a name: it tells where all that it separates are names of their own.
    """
    known = {same_name(name) for name in found}
    for name in found:
        for mark in (*ALWAYS, *OFTEN):
            parts = [part.strip() for part in name.split(mark)]
            if mark == separator or len(parts) < 2 or not any(parts):
                continue
            if mark in ALWAYS or all(same_name(part) in known for part in parts):
                called = CALLED.get(mark, repr(mark))
                raise DataError(
                    f"{where}: found {name!r} as the name of one finding: its parts are separated by {called}, not by "
                    f"the cohort's `separator` {separator!r}; set `separator` to {mark!r} ({len(known)} findings "
                    f"become {len(split_by(list(found), mark))}), or write all cells alike"
                )
