"""What the published tables say of the paper's text, against the numbers established from them by hand."""

import itertools
from importlib.resources import files

import numpy as np
import pytest
from statsmodels.stats.inter_rater import fleiss_kappa as reference_kappa

from diffchest.evaluation.published import READERS, TABLES, _kappa_is_possible, load_published, recomputed_claims

TEXT_AND_RECOMPUTED = {
    "mean AUC of DiffChest": (0.791, 0.791),
    "mean AUC of CheXzero": (0.681, 0.729),
    "mean AUC difference": (0.110, 0.062),
    "DiffChest's AUC is higher": (60, 50),
    "AUCs are equal": (None, 1),
    "at least 0.900": (11, 11),
    "at least 0.700": (59, 59),
    "disjoint confidence intervals": (None, 10),
    "table S1: findings": (None, 73),
    "table 1: radiographs": (None, 303),
    "table 2: radiographs": (None, 159),
    "table 1: rows (of 11) that": (None, 11),
    "table 2: rows (of 6) that": (None, 6),
    "table 1: rows (of 11) whose kappa": (None, 4),
    "table 2: rows (of 6) whose kappa": (None, 1),
}


@pytest.mark.parametrize("words", TEXT_AND_RECOMPUTED)
def test_claims_have_the_established_numbers(words):
    rows = recomputed_claims().set_index("claim")
    exact = rows.loc[[words]] if words in rows.index else rows[rows.index.str.contains(words, regex=False)]
    text, recomputed = TEXT_AND_RECOMPUTED[words]
    assert len(exact) == 1
    assert exact["recomputed"].iloc[0] == pytest.approx(recomputed, abs=1e-9)
    assert exact["text"].isna().iloc[0] if text is None else exact["text"].iloc[0] == pytest.approx(text)


def test_there_is_no_claim_that_is_not_checked_here():
    assert len(recomputed_claims()) == len(TEXT_AND_RECOMPUTED)


@pytest.mark.parametrize("name", ["table_1", "table_2"])
def test_present_is_the_ratings_per_reader_rounded_down(name):
    for row in load_published(name).itertuples():
        whole = [p for p in range(READERS * row.radiographs + 1) if _percent(p, row) == row.ratio_percent]
        assert [p // READERS for p in whole] == [row.confounder_present]


@pytest.mark.parametrize(("radiographs", "positive"), [(4, 5), (3, 6), (5, 2), (2, 6)])
def test_possible_kappas_are_those_of_all_ratings(radiographs, positive):
    """Every way of filling a small table of ratings, against statsmodels."""
    found = set()
    for counts in itertools.combinations_with_replacement(range(READERS + 1), radiographs):
        if sum(counts) == positive:
            table = np.array([(READERS - count, count) for count in counts])
            found.add(1.0 if positive == READERS * radiographs else round(reference_kappa(table), 3))
    for kappa in np.linspace(-1, 1, 2001).round(3):
        assert _kappa_is_possible(radiographs, positive, kappa) == any(abs(kappa - one) < 1e-6 for one in found)


def _percent(positive: int, row) -> float:
    return round(100 * positive / (READERS * row.radiographs), 1)


@pytest.mark.parametrize("name", TABLES)
def test_shipped_tables_are_the_papers(name, shared):
    shipped = files("diffchest.evaluation").joinpath("published_tables", f"{name}.csv").read_bytes()
    assert shipped == (shared / "paper" / f"{name}.csv").read_bytes()


def test_bounds_on_p_become_numbers():
    p = load_published("table_s1")["p_value"]
    assert p.min() == 1e-4
    assert p.notna().all()


def test_an_unknown_table_is_refused():
    with pytest.raises(ValueError, match=r"table_9.*table_s1"):
        load_published("table_9")
