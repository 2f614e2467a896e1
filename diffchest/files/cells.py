"""What a cell means: ids, sexes, ages, views and numbers, one way for every table that somebody else wrote."""

import numpy as np
import pandas as pd

from diffchest.files.not_understood import Tally

BLANKS = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "nat", "none", "null"})  # words of programs for no value
NOBODY = BLANKS | {"-", "--", "---", "?", ".", "nil", "unknown", "unk", "undefined", "missing", "not available"}
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"  # zero-width characters, which stripping blanks leaves
MALE = ("m", "male", "man", "masculine", "männlich", "maennlich", "mann", "hombre", "varon", "varón", "homme")
FEMALE = ("f", "female", "woman", "feminine", "w", "weiblich", "frau", "mujer", "femme")
SEXES = {**dict.fromkeys(MALE, "M"), **dict.fromkeys(FEMALE, "F")}
MAN_IN_SPANISH = ("h", "v")  # hombre, varón: there M is mujer
AGE = r"^([0-9]{1,4}(?:[.,][0-9]*)?)\s*([a-z]*)\.?\Z"
YEAR, MONTH, WEEK, DAY = 1.0, 1 / 12, 7 / 365.25, 1 / 365.25
UNITS = {
    **dict.fromkeys(("", "y", "yr", "yrs", "yo", "year", "years"), YEAR),
    **dict.fromkeys(("m", "mo", "mos", "mth", "month", "months"), MONTH),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), WEEK),
    **dict.fromkeys(("d", "day", "days"), DAY),
}
OLDEST = 120.0  # years
VIEWS = {  # words of projections, as DICOM (0018,5101) and the public datasets spell them
    *("pa", "ap", "postero", "posteroanterior", "antero", "anteroposterior", "anterior", "posterior", "frontal"),
    *("l", "ll", "rl", "lat", "lateral", "left", "right", "lld", "rld", "decubitus", "rao", "lao", "rpo", "lpo"),
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


def sexes(values: pd.Series, tally: Tally | None = None) -> pd.Series:
    """`M` or `F` from `M`, `male`, `F`, `Female`, `W` (woman), ...; "" for anything else, which `tally` counts.

    Codes such as 1 and 2 are not guessed, and `M` neither where a column has `H` or `V` for men, as in Spanish.
    """
    words = _words(values)
    found = words.map(SEXES)
    of_spain = words.isin(MAN_IN_SPANISH).any() and not words.isin(["f", "w"]).any()
    found = found.mask(words == "m", None) if of_spain else found
    return _counted(values, words, found, tally, "sex").fillna("").astype(str)


def ages(values: pd.Series, tally: Tally | None = None) -> pd.Series:
    """Years, float, from `58`, `61,5`, `058Y`, `018M`, `003W`, `010D`, `58 years`; NaN for anything else.

    Above 120 is no age (the first release of ChestX-ray14 has 414). `tally` counts what is not understood.
    """
    words = _words(values)
    parts = words.str.extract(AGE)
    number = pd.to_numeric(parts[0].str.replace(",", ".", regex=False), errors="coerce").astype(float)
    years = number * parts[1].map(UNITS).astype(float)
    return _counted(values, words, years.where(years <= OLDEST), tally, "age")


def views(values: pd.Series, tally: Tally | None = None) -> pd.Series:
    """Projections in their dataset's own spelling, but `pa` is `PA`; blank where unknown.

    `tally` counts what is not made of words that are known, such as `view 3`; it stays as it is spelled.
    """
    words = _words(values)
    kept = ids(values).mask(words == "", "")
    for word in words.unique():
        if word in SPELLED:
            kept = kept.mask(words == word, SPELLED[word])
    known = {word: word if set(word.replace("-", " ").replace("_", " ").split()) <= VIEWS else None for word in words}
    _counted(values, words, words.map(known), tally, "view")
    return kept


def numbers(values: pd.Series) -> pd.Series:
    """Text cells as float64, NaN where blank, decimal commas read; the text itself unless every cell is a number.

    A column with both decimal commas and decimal points stays text: one of them separates thousands.
    """
    cells = values.astype(str).str.strip()
    commas = cells.str.contains(",", regex=False)
    if commas.any():
        if cells.str.contains(".", regex=False).any():
            return values
        cells = cells.str.replace(",", ".", regex=False)
    cells = cells.mask(cells.str.lower().isin(list(BLANKS)), "nan")
    if not cells.str.fullmatch(NUMBER, case=False).all():
        return values
    return pd.Series(cells.to_numpy(object).astype(np.float64), index=values.index, name=values.name)


def _words(values: pd.Series) -> pd.Series:
    """Cells in lower case, "" for words that say that nothing is known."""
    words = ids(values.astype(str)).str.lower()
    return words.mask(words.isin(list(NOBODY)), "")


def _counted(values: pd.Series, words: pd.Series, found: pd.Series, tally: Tally | None, meaning: str) -> pd.Series:
    if tally is not None:
        strange = values[found.isna() & (words != "")]
        tally.count(str(values.name), meaning, rows=len(values), blank=int((words == "").sum()), strange=strange)
    return found
