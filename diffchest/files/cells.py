"""What a cell means: ids, sexes, ages, views and numbers, one way for every table that somebody else wrote."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from diffchest.files.not_understood import Tally

BLANKS = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "nat", "none", "null"})  # words of programs for no value
NOBODY = BLANKS | {"-", "--", "---", "?", ".", "nil", "unknown", "unk", "undefined", "missing", "not available"}
NOBODY |= {"k.a.", "k. a.", "keine angabe", "keine angaben"}
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"  # zero-width characters, which stripping blanks leaves
MALE = ("m", "male", "man", "masculine", "männlich", "maennlich", "mann", "hombre", "varon", "varón", "homme")
FEMALE = ("f", "female", "woman", "feminine", "w", "weiblich", "frau", "mujer", "femme")
SEXES = {**dict.fromkeys(MALE, "M"), **dict.fromkeys(FEMALE, "F")}
MAN_IN_SPANISH = ("h", "v")  # hombre, varón: there M is mujer
AGE = r"([0-9]{1,4}(?:[.,][0-9]*)?)\s*([a-z]*)\.?"
YEAR, MONTH, WEEK, DAY = 1.0, 1 / 12, 7 / 365.25, 1 / 365.25
UNITS = {
    **dict.fromkeys(("", "y", "yr", "yrs", "yo", "year", "years"), YEAR),
    **dict.fromkeys(("m", "mo", "mos", "mth", "month", "months"), MONTH),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), WEEK),
    **dict.fromkeys(("d", "day", "days"), DAY),
}
OLDEST = 120.0  # years
LATERAL = {"l", "ll", "rl", "lat", "lateral", "llat", "rlat", "seitlich", "seite", "profil", "perfil", "profile"}
# a lateral decubitus view is of a patient on the side, seen from the front
FRONTAL = {"pa", "ap", "frontal", "decubitus", "lld", "rld"}
VIEWS = {  # words of projections, as DICOM (0018,5101) and the public datasets spell them
    *("pa", "ap", "postero", "posteroanterior", "antero", "anteroposterior", "anterior", "posterior", "frontal"),
    *LATERAL,
    *("left", "right", "lld", "rld", "decubitus", "rao", "lao", "rpo", "lpo"),
    *("horizontal", "supine", "erect", "upright", "sitting", "standing", "semierect", "portable", "mobile"),
    *("axial", "lordotic", "oblique", "xtable", "swimmers", "costal", "ribs", "expiration", "inspiration", "view"),
}
SPELLED = {name.lower(): name for name in ("PA", "AP", "LL", "RL", "AP_horizontal")}  # one spelling, whatever the case
NUMBER = r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:nan|inf|infinity)"


def ids(values: pd.Series) -> pd.Series:
    """Ids as text without blanks (zero-width ones too) around them; leading zeros stay."""
    return values.str.strip().str.strip(INVISIBLE).str.strip()


def no_id(values: pd.Series) -> pd.Series:
    """Which ids are words for none, such as `nan`, `NULL` or `-`, or empty: bool."""
    return values.str.lower().isin(list(NOBODY))


def sex_codes(values: pd.Series, tally: Tally | None = None) -> pd.Series:
    """`M` or `F` from `M`, `male`, `F`, `Female`, `W` (woman), ...; "" for anything else, which `tally` counts.

    Codes such as 1 and 2 are not guessed, and `M` neither where a column has `H` or `V` for men, as in Spanish.
    """
    words = {_word(cell) for cell in values.unique()}
    of_spain = not words.isdisjoint(MAN_IN_SPANISH) and words.isdisjoint(("f", "w"))
    codes = {word: sex for word, sex in SEXES.items() if not (of_spain and word == "m")}
    return _understood(values, codes.get, tally, "sex").fillna("").astype(str)


def age_years(values: pd.Series, tally: Tally | None = None) -> pd.Series:
    """Years, float, from `58`, `61,5`, `058Y`, `018M`, `003W`, `010D`, `58 years`; NaN for anything else.

    Above 120 is no age (the first release of ChestX-ray14 has 414). `tally` counts what is not understood.
    """
    return _understood(values, _years, tally, "age").astype(float)


def view_names(values: pd.Series, tally: Tally | None = None) -> pd.Series:
    """Projections in their dataset's own spelling, but `pa` is `PA`; "" where unknown.

    `tally` counts what is not made of words that are known, such as `view 3`; it stays as it is spelled.
    """
    _understood(values, _known_view, tally, "view")
    kept = {cell: SPELLED.get(_word(cell), str(cell).strip()) if _word(cell) else "" for cell in values.unique()}
    return values.map(kept).astype(str)


def numbers(values: pd.Series) -> pd.Series:
    """Text cells as float64, NaN where blank, decimal commas read; the text itself unless every cell is a number.

    A column with both decimal commas and decimal points stays text: one of them separates thousands.
    """
    cells = values.astype(str).str.strip()
    if cells.str.contains(",", regex=False).any():
        if cells.str.contains(".", regex=False).any():
            return values
        cells = cells.str.replace(",", ".", regex=False)
    cells = cells.mask(cells.str.lower().isin(list(BLANKS)), "nan")
    if not cells.str.fullmatch(NUMBER, case=False).all():
        return values
    return pd.Series(cells.to_numpy(object).astype(np.float64), index=values.index, name=values.name)


def _word(cell: object) -> str:
    """A cell in lower case, "" for words that say that nothing is known."""
    word = str(cell).strip().strip(INVISIBLE).strip().lower()
    return "" if word in NOBODY else word


def _understood(values: pd.Series, read: Callable[[str], Any], tally: Tally | None, meaning: str) -> pd.Series:
    """What `read` makes of each cell's word; missing where that is None, which `tally` counts, or where it is blank."""
    words = {cell: _word(cell) for cell in values.unique()}
    found = {cell: read(word) if word else None for cell, word in words.items()}
    if tally is not None:
        strange = values[values.isin([cell for cell, word in words.items() if word and found[cell] is None])]
        blank = int(values.isin([cell for cell, word in words.items() if not word]).sum())
        tally.count(str(values.name), meaning, rows=len(values), blank=blank, strange=strange)
    return values.map(found)


def _years(word: str) -> float | None:
    parts = re.fullmatch(AGE, word)
    if parts is None or parts[2] not in UNITS:
        return None
    years = float(parts[1].replace(",", ".")) * UNITS[parts[2]]
    return years if years <= OLDEST else None


def lateral_views(values: pd.Series) -> pd.Series:
    """Which cells say that the chest is seen from the side, such as `LL`, `lat.` or `seitlich`: bool."""
    words = {cell: _view_words(_word(cell)) for cell in values.unique()}
    return values.isin([cell for cell, said in words.items() if said & LATERAL and not said & FRONTAL])


def _known_view(word: str) -> str | None:
    return word if _view_words(word) <= VIEWS else None


def _view_words(word: str) -> set[str]:
    return set(re.split(r"[\s_./-]+", word)) - {""}
