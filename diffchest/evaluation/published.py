"""The published tables (Han et al., DiffChest) and a recomputation of what the paper's text says about them.

`table_1`, `table_2`: diagnosis, radiographs, confounder_present, ratio_percent, fleiss_kappa (three readers).
`table_s1`: finding, AUC with 95% interval of DiffChest and of CheXzero, p_value as printed.
"""

from importlib.resources import files

import pandas as pd

READERS = 3
TABLES = ("table_1", "table_2", "table_s1")
_SMALLEST_P = "<1e-4"


def load_published(name: str) -> pd.DataFrame:
    """Load one of `TABLES`; a p-value printed as a bound ("<1e-4") becomes that bound."""
    if name not in TABLES:
        raise ValueError(f"published table {name!r}: expected one of {', '.join(TABLES)}")
    with files("diffchest.evaluation").joinpath("published_tables", f"{name}.csv").open("r", encoding="utf-8") as file:
        table = pd.read_csv(file, dtype={"p_value": str})
    if "p_value" in table:
        table["p_value"] = table["p_value"].replace(_SMALLEST_P, _SMALLEST_P[1:]).astype(float)
    return table


def recomputed_claims() -> pd.DataFrame:
    """Set the numbers in the paper's text beside the same numbers recomputed from its own tables.

    Returns claim, text, recomputed: `text` is the paper's figure, NaN where it gives none. Tables are rounded to three
    decimals, so means are good to 0.0005 and an equality is a tie at that precision.
    """
    rows = [*_auc_claims(load_published("table_s1")), *_reader_claims()]
    return pd.DataFrame(rows, columns=["claim", "text", "recomputed"])


def _auc_claims(table: pd.DataFrame) -> list[tuple[str, float, float]]:
    ours, theirs = table["diffchest_auc"], table["chexzero_auc"]
    disjoint = (table["diffchest_lo"] > table["chexzero_hi"]) | (table["chexzero_lo"] > table["diffchest_hi"])
    none = float("nan")
    return [
        ("table S1: findings", none, len(table)),
        ("table S1: mean AUC of DiffChest", 0.791, round(ours.mean(), 3)),
        ("table S1: mean AUC of CheXzero", 0.681, round(theirs.mean(), 3)),
        ("table S1: mean AUC difference", 0.110, round((ours - theirs).mean(), 3)),
        ("table S1: findings where DiffChest's AUC is higher", 60, int((ours > theirs).sum())),
        ("table S1: findings where the AUCs are equal", none, int((ours == theirs).sum())),
        ("table S1: findings with a DiffChest AUC of at least 0.900", 11, int((ours >= 0.9).sum())),
        ("table S1: findings with a DiffChest AUC of at least 0.700", 59, int((ours >= 0.7).sum())),
        (
            "table S1: findings with disjoint confidence intervals but p of at least 0.001",
            none,
            int((disjoint & (table["p_value"] >= 0.001)).sum()),
        ),
    ]


def _reader_claims() -> list[tuple[str, float, float]]:
    """Totals of tables 1 and 2, and how many rows follow from a whole number of positive ratings.

    `ratio_percent` is their share of all ratings; `confounder_present` their number per reader, rounded down.
    """
    claims = []
    for number, name in ((1, "table_1"), (2, "table_2")):
        table = load_published(name)
        ratings = READERS * table["radiographs"]
        positive = (table["ratio_percent"] * ratings / 100).round()
        explained = ((positive * 100 / ratings).round(1) == table["ratio_percent"]) & (
            positive // READERS == table["confounder_present"]
        )
        claims += [
            (f"table {number}: radiographs", float("nan"), int(table["radiographs"].sum())),
            (
                f"table {number}: rows (of {len(table)}) that a whole number of positive ratings explains",
                float("nan"),
                int(explained.sum()),
            ),
            (
                f"table {number}: rows (of {len(table)}) whose kappa three yes-or-no readers with that ratio can have",
                float("nan"),
                int(sum(_kappa_is_possible(*row) for row in zip(*_columns(table, positive), strict=True))),
            ),
        ]
    return claims


def _columns(table: pd.DataFrame, positive: pd.Series) -> tuple[list[int], list[int], list[float]]:
    return table["radiographs"].tolist(), positive.astype(int).tolist(), table["fleiss_kappa"].tolist()


def _kappa_is_possible(radiographs: int, positive: int, printed: float) -> bool:
    """Whether some way of giving three readers `positive` of all ratings has the printed Fleiss' kappa.

    Kappa depends on the ratio and on how many radiographs are discordant: read as present by one or by two readers.
    """
    if positive in (0, READERS * radiographs):
        return printed == 1.0
    share = positive / (READERS * radiographs)
    chance = share**2 + (1 - share) ** 2
    possible = {
        by_one + by_two
        for by_one in range(min(radiographs, positive) + 1)
        for by_two in range((positive - by_one) // 2 + 1)
        if (positive - by_one - 2 * by_two) % READERS == 0
        and by_one + by_two + (positive - by_one - 2 * by_two) // READERS <= radiographs
    }
    agreement = (1 - 2 * discordant / (READERS * radiographs) for discordant in possible)
    return any(abs((observed - chance) / (1 - chance) - printed) <= 0.0005 + 1e-9 for observed in agreement)
