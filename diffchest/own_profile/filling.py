"""A profile for radiographs of one's own: the template, filled in with what a table tells."""

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffchest.errors import DataError
from diffchest.files.foreign_tables import read_cells
from diffchest.files.yaml import parse_yaml, read_text
from diffchest.own_profile.columns import Looked, look
from diffchest.params.base import check_names

TEMPLATE = Path(__file__).with_name("template.yaml")
UNFILLED = "???"  # what stands for a value that only the user knows
OTHER_ENCODING = "cp1252"  # of Windows in western Europe, tried where a table is not UTF-8
COMMENTS = 32  # the column in which they stand
LINE = 118


def new_profile(name: str, table: Path | None = None) -> str:
    """The text of a profile for the cohort `name`; table: its table, in the root.

    Raises `DataError` for a name that no cohort can have and for a table that cannot be read.
    """
    try:
        check_names([name], what="a cohort")
    except ValueError as error:
        raise DataError(str(error)) from None
    text = re.sub(r"\bNAME\b", name, read_text(TEMPLATE))
    if table is None:
        return _aligned(text)
    encoding = {}
    try:
        rows = read_cells(table)
    except DataError as error:
        if "not utf-8 text" not in str(error):
            raise
        encoding = {"encoding": OTHER_ENCODING}
        rows = read_cells(table, **encoding)
    looked = look(rows, table.parent)
    keys = {"root": str(table.parent), "table": table.name, **encoding, **looked.keys}
    first, _, rest = text.partition("\n")
    return "\n".join([first, *_about(table, len(rows), looked), _aligned(_filled(rest, keys, looked.targets))])


def unfilled(content: Any, key: str = "") -> list[str]:
    """The keys of a profile that still hold `UNFILLED`."""
    if isinstance(content, Mapping):
        return [found for name, value in content.items() for found in unfilled(value, f"{key}.{name}".strip("."))]
    return [key] if content == UNFILLED else []


def _filled(text: str, keys: Mapping[str, Any], targets: list[str]) -> str:
    """The template with these values of the cohort's keys, whose lines are no comments then."""
    values = dict(keys) | ({"targets": targets} if targets else {})
    if "labels" in values:  # instead of `findings`
        text = re.sub(r"\n    findings: \?\?\? .*", "", text)
    if "split" in values:
        text = re.sub(r"\n    use: .*", "", text)
    for key, value in values.items():
        line = re.compile(rf"^( +)(?:# )?({key}): .*?(  +#.*)?$", re.MULTILINE)

        def written(found: re.Match[str], value: Any = value) -> str:
            return f"{found[1]}{found[2]}: {_flow(value)}{found[3] or ''}"

        text = line.sub(written, text, count=1)
    return text


def _aligned(text: str) -> str:
    """`text` with the comments behind values in one column, where that is free."""

    def padded(found: re.Match[str]) -> str:
        return f"{found[1]:<{COMMENTS - 2}}  {found[2]}"

    return re.sub(r"^( *(?:# +)?[\w<]+: .*?) {2,}(# .*)$", padded, text, flags=re.MULTILINE)


def _flow(value: Any) -> str:
    """A value as YAML in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if re.fullmatch(r"[\w./-][\w ./-]*", value) and parse_yaml(value, source="") == value:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _about(table: Path, rows: int, looked: Looked) -> list[str]:
    """Comments that say what the table holds."""
    told = [f"{table.name}: {rows:,} rows; its columns, and what they are taken for:", *looked.columns]
    wrapped = [textwrap.wrap(line.replace("\n", " "), LINE - 4, subsequent_indent="    ") for line in told]
    return [f"# {'' if number == 0 else '  '}{part}" for number, lines in enumerate(wrapped) for part in lines]
