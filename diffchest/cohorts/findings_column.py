"""The column of a table that lists a radiograph's findings, between separators or as `['a', 'b']`."""

import re
from collections.abc import Collection

import pandas as pd

from diffchest.cohorts.listed import indicator_table, listed_names
from diffchest.errors import DataError
from diffchest.files.cells import no_id
from diffchest.findings.spelling import same_name
from diffchest.progress import notice

LISTED = re.compile(r"[\[({]\s*['\"].*|\[.*", re.DOTALL)  # as programs print lists, tuples, sets and mappings
CODE = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?|true|false|yes|no", re.IGNORECASE)
ALWAYS, OFTEN = (";", "|", "\t", "\n"), (",", "/", "+", "&")  # marks that no name holds, and that some names do
CALLED = {"\t": "tabs", "\n": "line ends"}


def read_findings(cells: pd.Series, separator: str, *, where: str) -> pd.DataFrame:
    """One 0/1 column per finding, NaN where the cell is blank or a word for nothing such as `N/A` (a notice tells).

    Raises `DataError` naming `where` for a list that is none, for codes such as 1 and 0 instead of names, and for names
    that are separated by another mark than `separator`.
    """
    text = cells.str.strip()
    nothing = no_id(text)
    words = text[nothing & (text != "")].value_counts()
    if len(words):
        notice(
            f"{where}: {int(words.sum()):,} cells such as {words.index[0]!r} count as not assessed; where they mean "
            "that nothing was found, write `No Finding`"
        )
    text = text.mask(nothing, "")
    names = {cell: _names(cell, separator, where=where) for cell in text.unique() if cell}
    found = list(dict.fromkeys(name for listed in names.values() for name in listed))
    if found and all(CODE.fullmatch(name) for name in found):
        raise DataError(
            f"{where} (`findings`): expected names of findings, found {', '.join(map(repr, found[:4]))}: a column of "
            "codes; give it in `labels` instead"
        )
    _check_separated(found, separator, where=where)
    return indicator_table(text, names)


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
                    f"the cohort's `separator` {separator!r}; set `separator` to {mark!r}, or write all cells alike"
                )
