"""Compare the report in the working tree with the one committed at a git revision.

    python -m diffchest.report.reproduce --reference HEAD

Compares every table and every metric, by the tolerances of `diffchest.report.tolerances`. Exits 1 and names each number
that is off: the file, its row and column or its key, the committed value, the one found, how far off it is, and what is
allowed.
"""

import argparse
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from diffchest import paths
from diffchest.errors import DataError
from diffchest.report.differences import Comparison, compare_metrics, compare_tables
from diffchest.report.tolerances import table

SHOWN = 20  # differences of a file that are printed


def compare_reports(reference: str) -> Iterator[Comparison]:
    """Compare the tables and metrics of the working tree with those committed at `reference`.

    Raises `DataError` for an unknown revision, and where either side has no metrics.
    """
    committed = committed_file(reference, paths.METRICS.as_posix())
    if committed is None:
        raise DataError(f"{paths.METRICS}: not committed at {reference}; run `make repro` and commit reports/")
    if not paths.METRICS.is_file():
        raise DataError(f"{paths.METRICS}: no such file; run `make repro`")
    for path in _tables(reference):
        entry = table(path.name.partition(".")[0])
        if entry is not None:
            before = _unpacked(committed_file(reference, path.as_posix()))
            now = _unpacked(path.read_bytes() if path.is_file() else None)
            yield compare_tables(path.as_posix(), before, now, entry)
    yield compare_metrics(
        paths.METRICS.as_posix(), json.loads(committed), json.loads(paths.METRICS.read_text(encoding="utf-8"))
    )


def committed_file(reference: str, path: str) -> bytes | None:
    """Content of a file at a git revision; None when it is not there. `DataError` for an unknown revision."""
    if _git("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}").returncode:
        raise DataError(f"--reference {reference}: git knows no such revision; give a commit, tag or branch")
    result = _git("show", f"{reference}:./{path}")
    return None if result.returncode else result.stdout


def main() -> None:
    """Command line: print the comparison, exit 1 when something differs."""
    parser = argparse.ArgumentParser(
        prog="python -m diffchest.report.reproduce", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--reference", default="HEAD", help="git revision with the committed report (default: HEAD)")
    reference = parser.parse_args().reference
    try:
        comparisons = list(compare_reports(reference))
    except DataError as error:
        sys.exit(str(error))
    for comparison in comparisons:
        off = comparison.differences
        verdict = f"DIFFERS  {comparison.name}: {len(off)} of" if off else f"same     {comparison.name}:"
        print(f"{verdict} {comparison.values:,} values")
        print(*(f"           {difference}\n" for difference in off[:SHOWN]), sep="", end="")
        if len(off) > SHOWN:
            print(f"           and {len(off) - SHOWN} more")
    failed = sum(bool(comparison.differences) for comparison in comparisons)
    values = sum(comparison.values for comparison in comparisons)
    print(f"{len(comparisons) - failed} of {len(comparisons)} files, {values:,} values, agree with {reference}")
    sys.exit(1 if failed else 0)


def _tables(reference: str) -> list[Path]:
    """The tables that either side has."""
    listed = _git("ls-tree", "--name-only", reference, f"./{paths.TABLES.as_posix()}/").stdout.decode().splitlines()
    here = [path.as_posix() for path in paths.TABLES.glob("*.csv*")]
    return [Path(name) for name in sorted({*listed, *here})]


def _unpacked(content: bytes | None) -> str | None:
    """The text of a table; its compressed bytes differ between builds of zlib."""
    if content is None:
        return None
    return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], capture_output=True, check=False)


if __name__ == "__main__":
    main()
