"""The page of an audit: one HTML file with its pictures in it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from diffchest.audit.command.answers import Answers
from diffchest.audit.command.shown import Shown
from diffchest.classifiers.trial import ALL
from diffchest.files.html import page_environment, png_url

MOST = 40  # rows of a table; all are in pairs.csv


def build_page(record: Mapping[str, Any], answers: Answers, shown: Sequence[Shown]) -> str:
    """The HTML text of an audit; same inputs, same text. record: what `audit.json` holds."""
    environment = page_environment("diffchest.audit.command")
    environment.tests["known"] = lambda number: number is not None and not math.isnan(number)
    environment.filters["url"] = png_url
    pairs = answers.pairs
    responds = pairs[pairs["responds"] != ""]
    appears = pairs[pairs["appears"]]
    if len(appears):
        appears = appears.sort_values("prevalence_rise", ascending=False, kind="stable")
    return environment.get_template("page.html").render(
        record=record,
        flagged=_rows(pairs[pairs["flagged"]]),
        responds=_rows(responds),
        appears=_rows(appears),
        most=MOST,
        gates=gate_summary(answers.gates, answers.unchecked),
        failed=_rows(answers.gates[~answers.gates["passed"]]),
        shown=shown,
        whole=ALL,
    )


def gate_summary(gates: pd.DataFrame, unchecked: Sequence[str]) -> list[dict[str, Any]]:
    """A row per gate: how many outputs passed, failed, and could not be told, and the values between which they lie."""
    found = []
    for gate, rows in gates.groupby("gate", sort=False):
        own = rows[rows["output"] != ALL] if (rows["output"] != ALL).any() else rows
        untold = own["output"].isin(unchecked) & own["value"].isna()
        found.append(
            {
                "gate": gate,
                "passed": int(own["passed"].sum()),
                "failed": int((~own["passed"] & ~untold).sum()),
                "untold": int(untold.sum()),
                "low": float(own["value"].min()),
                "high": float(own["value"].max()),
            }
        )
    return found


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
