"""Gates before an audit: is this the classifier that its descriptor says, and can the generator carry what it sees?

A row per classifier, output and gate: value, bound, whether it passed, and what to do where it did not. A hard gate
that failed means that scores are wrong, and no audit is made. A soft one means that an output is left out: what the
generator cannot carry, the audit cannot see.
"""

import pandas as pd

from diffchest.classifiers.gate_rules import GATES, WITHOUT_LABELS
from diffchest.classifiers.trial import ALL, Bounds, Evidence, Trial
from diffchest.contracts.classifier import Classifier
from diffchest.errors import DataError

COLUMNS = ["classifier", "output", "gate", "value", "bound", "passed", "hard", "remedy"]


def gate_table(classifier: Classifier, name: str, evidence: Evidence, bounds: Bounds | None = None) -> pd.DataFrame:
    """Every gate of one classifier, as `COLUMNS`; `remedy` is empty where it passed.

    Without labels in the evidence only the gates that need none are tried, without findings none at all. Outputs that
    are no finding of `evidence.findings` go through no gate. Raises `DataError` where none is.
    """
    if not evidence.findings:
        return pd.DataFrame(columns=COLUMNS).astype({"passed": bool, "hard": bool})
    trial = Trial(classifier, name, evidence, bounds or Bounds())
    rows = [row for gate in (GATES if evidence.labels is not None else WITHOUT_LABELS) for row in gate(trial)]
    table = pd.DataFrame([vars(row) for row in rows])
    table.insert(0, "classifier", name)
    table["remedy"] = table["remedy"].where(~table["passed"], "")
    return table[COLUMNS]


def passed_gates(table: pd.DataFrame) -> list[str]:
    """The outputs that passed all gates, in their order; none may have.

    Raises `DataError` with every hard gate that failed.
    """
    hard = table[table["hard"] & ~table["passed"]]
    if len(hard):
        raise DataError(
            f"{len(hard)} gate(s) failed before the audit, whose numbers would mean nothing:\n{_told(hard)}"
        )
    passed = table[table["output"] != ALL].groupby("output", sort=False)["passed"].all()
    return [str(output) for output in passed.index[passed]]


def check_gates(table: pd.DataFrame) -> list[str]:
    """The same, where an audit is asked for: `DataError` also where no output is left."""
    passed = passed_gates(table)
    if not passed:
        own = table[(table["output"] != ALL) & ~table["passed"]]
        raise DataError(f"no output passed all gates, nothing is left to audit:\n{_told(own)}")
    return passed


def _told(rows: pd.DataFrame, most: int = 12) -> str:
    lines = [
        f"  {row.classifier}, {row.output}, {row.gate}: {row.value:.4g} (bound {row.bound:g}); {row.remedy}"
        for row in rows.head(most).itertuples()
    ]
    return "\n".join([*lines, f"  and {len(rows) - most} more"] if len(rows) > most else lines)
