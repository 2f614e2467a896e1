"""The columns that a cohort of `format: table` names, read; what to write where the table lacks one."""

from pathlib import Path

import pandas as pd

from diffchest.errors import DataError
from diffchest.files.foreign_tables import Form, MissingColumnsError, read_with_form
from diffchest.params.cohorts import TableCohort

SINGLE = ("study", "view", "sex", "age", "findings", "split", "bits_stored", "inverted")  # keys of one column at most
NONE = {"split": "`split: null` and `roles: null`", "inverted": "`inverted: false`"}  # others: null


def read_named(path: Path, cohort: TableCohort) -> tuple[pd.DataFrame, Form]:
    """The columns of the table that `cohort` names, as text, and how it was read.

    Raises `DataError` as `files.foreign_tables.read_cells` does; for a missing column it says which key names it, and
    what to write instead where the cohort can do without: keys are often another cohort's, taken over.
    """
    named = _named(cohort)
    columns = list(dict.fromkeys(column for found in named.values() for column in found))
    try:
        return read_with_form(
            path, columns, delimiter=cohort.delimiter, encoding=cohort.encoding, setting="the cohort's"
        )
    except MissingColumnsError as error:
        if {cohort.image, cohort.patient} & set(error.missing):  # another table, or cells of another separator
            raise
        told = [f"{error}"]
        for key, found in named.items():
            lacking = [column for column in found if column in error.missing]
            if lacking:
                told.append(f"  {', '.join(map(repr, lacking))}: named by the cohort's `{key}`; {_remedy(key, cohort)}")
        raise DataError("\n".join(told)) from None


def _named(cohort: TableCohort) -> dict[str, list[str]]:
    """The columns that each key of `cohort` names, required ones first."""
    single = {key: getattr(cohort, key) for key in ("image", "patient", *SINGLE)}
    named = {key: [column] for key, column in single.items() if isinstance(column, str) and column}
    of_indicators = [column for columns in cohort.indicators.values() for column in columns]
    return named | {"labels": cohort.labels, "where": list(cohort.where), "indicators": of_indicators}


def _remedy(key: str, cohort: TableCohort) -> str:
    """What to write where a table lacks what `key` names."""
    if key in ("labels", "findings") and cohort.use == "probe":
        return "name a column that there is, or pretrain alone (`use: pretrain`)"
    return f"name a column that there is, or write {NONE.get(key, f'`{key}: null`')} for none"
