"""The folder that an audit writes, and whether it may: a page, two tables and a JSON file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffchest.errors import DataError
from diffchest.files.tables import write_table
from diffchest.files.whole import whole

PAGE, PAIRS, GATES, RECORD = "index.html", "pairs.csv", "gates.csv", "audit.json"
FILES = {PAGE, PAIRS, GATES, RECORD}
OURS = {"audit_of", "answered", "settings", "sha256"}  # keys of a record by which it is known as ours
ANOTHER = "name another folder with --out"


def check_folder(folder: Path, radiographs: Path) -> None:
    """Raise `DataError` where writing an audit to `folder` could overwrite what is not ours.

    A folder is written to that is not there yet, is empty, or holds an earlier audit and nothing else, and never that
    of the radiographs, nor one below it; beside a CSV that names them there may be one. Nothing is written or deleted
    here.
    """
    if folder.resolve().is_relative_to(radiographs.resolve()):
        raise DataError(f"{folder}: the radiographs lie there, in {radiographs}; {ANOTHER}")
    try:
        there = {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to ({error.strerror}); {ANOTHER}") from None
    if folder.resolve() == radiographs.resolve().parent and there:
        raise DataError(f"{folder}: the radiographs lie there; {ANOTHER}")
    if there and not (there <= FILES and is_ours(folder / RECORD)):
        named = ", ".join(sorted(there - FILES or there)[:3])
        raise DataError(
            f"{folder}: expected an empty folder, a new one, or that of an earlier audit and nothing else; found "
            f"{len(there)} files (such as {named}); {ANOTHER}"
        )


def is_ours(record: Path) -> bool:
    """Whether it is a record of this command."""
    try:
        return json.loads(record.read_text(encoding="utf-8")).keys() >= OURS
    except (OSError, ValueError, AttributeError):
        return False


def write_folder(folder: Path, record: Mapping[str, Any], page: str, pairs: Any, gates: Any) -> None:
    """Write all files to a folder that `check_folder` lets pass, the record first; `DataError` where it cannot be."""
    texts = {RECORD: json.dumps(record, indent=2, ensure_ascii=False) + "\n", PAGE: page}
    try:
        for name, text in texts.items():
            with whole(folder / name) as partial:
                partial.write_text(text, encoding="utf-8")
        write_table(folder / PAIRS, pairs)
        write_table(folder / GATES, gates)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to ({error.strerror}); {ANOTHER}") from None
