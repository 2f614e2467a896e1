"""Finding the tables of a dataset, with errors that say what to do."""

from pathlib import Path

from diffchest.errors import DataError


def existing_root(root: str | Path) -> Path:
    """Return `root`; `DataError` when there is no such folder."""
    root = Path(root)
    if root.is_dir():
        return root
    what = "a file, not a folder" if root.exists() else "no such folder"
    message = f"{root}: {what}; set `cohorts.<dataset>.root` to where the dataset lies"
    if str(root).startswith("~"):
        raise DataError(f"{message}. `~` is not read as the home folder: give {root.expanduser()} if you mean that")
    if root.is_absolute():
        raise DataError(message)
    raise DataError(
        f"{message}. It is relative, so it was looked for in {Path.cwd()}. In a temporary copy of the project, as "
        "`dvc exp run --temp` and `--queue` make it, a relative root leads elsewhere: give an absolute path"
    )


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
