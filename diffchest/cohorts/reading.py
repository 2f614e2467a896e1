"""Finding the tables of a dataset, with errors that say what to do."""

from pathlib import Path

from diffchest.errors import DataError


def existing_root(root: str | Path) -> Path:
    """Return `root`; `DataError` when there is no such folder."""
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; set `cohorts.<dataset>.root` to where the dataset lies")
    return root


def find_table(root: Path, pattern: str) -> Path:
    """The file that matches `pattern` (or `pattern` + `.gz`) in `root` or a folder directly below it.

    The first in path order where several match; `DataError` when none does.
    """
    found = find_optional(root, pattern)
    if found is None:
        raise DataError(f"{root / pattern}: no such table (also looked for {pattern}.gz and one folder down)")
    return found


def find_optional(root: Path, pattern: str) -> Path | None:
    """As `find_table`, but None when there is no such file."""
    for folder in ("", "*/"):
        found = sorted(path for end in ("", ".gz") for path in root.glob(f"{folder}{pattern}{end}"))
        if found:
            return found[0]
    return None
