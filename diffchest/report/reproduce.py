"""Compare the report in the working tree with the one committed at a git revision.

    python -m diffchest.report.reproduce --reference HEAD

Tables that follow from labels and seeds alone must be equal byte for byte. Numbers that depend on the trained network
differ in the last digits between processors, and pretraining amplifies that: they must agree within the tolerances of
`TOLERANCES`. Exits 1 and names what differs.
"""

import argparse
import gzip
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffchest import paths
from diffchest.errors import DataError

EXACT = tuple(
    f"{name}.csv"
    for name in (
        "study_flow",
        "decoding_flow",
        "positives",
        "label_cooccurrence",
        "published_audit",
        "published_cooccurrence",
        "reader_table_1",
        "reader_table_2",
        "reader_pairwise",
        "reader_discordant",
        "reader_template",
        "data_efficiency_readers",
    )
)
SPLIT = "split_*.csv.gz"


@dataclass(frozen=True)
class Tolerance:
    """Metrics whose dotted key matches `pattern` may differ by `absolute`, or by `relative` of the reference."""

    pattern: str
    absolute: float = 0.0
    relative: float = 0.0

    def __str__(self) -> str:
        bounds = [f"± {self.absolute:g}"] * (self.absolute > 0) + [f"± {self.relative:.0%}"] * (self.relative > 0)
        return " or ".join(bounds) or "equal"

    def allows(self, reference: float, found: float) -> bool:
        """Whether `found` is near enough."""
        return abs(found - reference) <= max(self.absolute, self.relative * abs(reference)) + 1e-12


# the first that matches counts
TOLERANCES = (
    Tolerance(r"reliance\..*_drop", absolute=0.05),
    Tolerance(r"reliance\..*", absolute=5, relative=0.3),  # which pairs the audit flags depends on the network
    Tolerance(r"fit_head\.(findings|patients|images)|.*\.findings|.*\.planted|.*\.(drawn_)?pairs|pretrain\.parameters"),
    Tolerance(r"evaluate\..*macro_auc.*", absolute=0.02),
    Tolerance(r"evaluate\..*\.auc\..*", absolute=0.10),  # a finding with few positives
    Tolerance(r"explain\.reconstruction\.(mae|psnr)", relative=0.2),
    Tolerance(r"explain\.reconstruction\.ssim", absolute=0.05),
    Tolerance(r"compare\..*difference.*", absolute=0.02),
    Tolerance(r"subgroups\..*(tested|significant_.*)", absolute=5),
    Tolerance(r"confounders\..*(precision|recall)", absolute=0.2),
    Tolerance(r".*\.readers_(above|below)", absolute=1),
    Tolerance(r".*", absolute=0.1, relative=0.3),
)


@dataclass(frozen=True)
class Check:
    """One comparison: what, the two values as text, what was demanded, whether it holds."""

    name: str
    reference: str
    found: str
    demand: str
    passed: bool


def compare_tables(reference: str) -> Iterator[Check]:
    """Compare the label-only tables of the working tree with those committed at `reference`."""
    names = [*EXACT, *sorted(path.name for path in paths.TABLES.glob(SPLIT))]
    for name in ((paths.TABLES / name).as_posix() for name in names):
        path = Path(name)
        committed, found = committed_file(reference, name), path.read_bytes() if path.is_file() else None
        if committed is None and found is None:
            continue
        if name.endswith(".gz"):  # zlib builds compress differently
            committed, found = (data and gzip.decompress(data) for data in (committed, found))
        yield Check(name, _lines(committed), _lines(found), "equal bytes", committed == found)


def compare_metrics(reference: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Check]:
    """Compare nested metrics leaf by leaf; a key on one side only does not agree."""
    old, new = (dict(leaves(metrics)) for metrics in (reference, found))
    for key in sorted(old.keys() | new.keys()):
        tolerance = next(entry for entry in TOLERANCES if re.fullmatch(entry.pattern, key))
        a, b = old.get(key, "absent"), new.get(key, "absent")
        numbers = all(isinstance(value, int | float) for value in (a, b))
        passed = tolerance.allows(float(a), float(b)) if numbers else a == b
        yield Check(key, _number(a), _number(b), str(tolerance), passed)


def leaves(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of every leaf of a nested mapping."""
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


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
        checks = _checks(reference)
    except DataError as error:
        sys.exit(str(error))
    failed = [check for check in checks if not check.passed]
    for check in [*(check for check in checks if check.demand == "equal bytes" and check.passed), *failed]:
        verdict = "same   " if check.passed else "DIFFERS"
        print(f"{verdict}  {check.name}: {check.reference} -> {check.found}  ({check.demand})")
    print(f"{len(checks) - len(failed)} of {len(checks)} tables and metrics agree with {reference}")
    sys.exit(1 if failed else 0)


def _checks(reference: str) -> list[Check]:
    committed = committed_file(reference, paths.METRICS.as_posix())
    if committed is None:
        raise DataError(f"{paths.METRICS}: not committed at {reference}; run `make repro` and commit reports/")
    if not paths.METRICS.is_file():
        raise DataError(f"{paths.METRICS}: no such file; run `make repro`")
    metrics = compare_metrics(json.loads(committed), json.loads(paths.METRICS.read_text()))
    return [*compare_tables(reference), *metrics]


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], capture_output=True, check=False)


def _lines(data: bytes | None) -> str:
    return "absent" if data is None else f"{len(data.splitlines())} lines"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) and math.isfinite(value) else str(value)


if __name__ == "__main__":
    main()
