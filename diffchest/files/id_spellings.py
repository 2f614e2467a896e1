"""One id, one spelling: ids that differ by leading zeros, case, blanks or a `.0` alone are no two patients."""

import re
import unicodedata
from collections import defaultdict

import pandas as pd

from diffchest.errors import DataError

WHOLE = re.compile(r"0*([0-9]+)(?:\.0+)?")  # 7, 007 and 7.0
SHORTENED = re.compile(r"[0-9][.,][0-9]+E\+?[0-9]{2}", re.IGNORECASE)  # 1.23457E+11: digits are lost
FORMULA = re.compile(r'="(.*)"')  # how text is kept text in a spreadsheet
SHOWN = 5


def same_id(name: str) -> str:
    """What spellings of one id have in common."""
    formula = FORMULA.fullmatch(name)
    plain = " ".join(unicodedata.normalize("NFC", formula[1] if formula else name).split()).casefold()
    whole = WHOLE.fullmatch(plain)
    return whole[1] if whole else plain


def check_ids(ids: pd.Series, *, where: str, what: str = "patients") -> None:
    """Raise `DataError` for ids that a spreadsheet has shortened, and for several spellings of one; blank: none.

    Such ids come from tables joined together, some of which took ids for numbers. As different ids one patient would
    be in the training and the test set.
    """
    counts = {str(name): int(rows) for name, rows in ids[ids != ""].value_counts().items()}
    shortened = sorted(name for name in counts if SHORTENED.fullmatch(name))
    if shortened:
        raise DataError(
            f"{where}: {len(shortened)} ids of {what} are shortened numbers, such as {shortened[0]!r} (in "
            f"{counts[shortened[0]]:,} rows): a spreadsheet has dropped their last digits, and different {what} may "
            "have become one; export the table again with this column as text"
        )
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(counts):
        groups[same_id(name)].append(name)
    several = [names for names in groups.values() if len(names) > 1]
    if several:
        told = "; ".join(", ".join(f"{name!r} ({counts[name]:,})" for name in names) for names in several[:SHOWN])
        raise DataError(
            f"{where}: {len(several)} {what} are spelled in several ways, which differ by leading zeros, case, blanks "
            f"or a `.0` alone (with their rows): {told}; as written there are {len(counts)} {what}, by "
            f"these rules {len(groups)}; spell each in one way, or, where they truly "
            f"are different {what}, give them ids that differ in more"
        )
