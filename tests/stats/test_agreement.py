"""Agreement of readers and adjusted p-values, against statsmodels and counting."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats.inter_rater import aggregate_raters
from statsmodels.stats.inter_rater import fleiss_kappa as reference_kappa

from diffchest.stats import fleiss_kappa, pairwise_agreement

ratings = arrays(np.int64, st.tuples(st.integers(2, 30), st.integers(2, 6)), elements=st.integers(0, 2))


@given(ratings.filter(lambda values: len(np.unique(values)) > 1))
def test_kappa_is_that_of_statsmodels(values):
    result = fleiss_kappa(values, resamples=10)
    assert result.kappa == pytest.approx(reference_kappa(aggregate_raters(values)[0]))
    assert fleiss_kappa(values[:, ::-1], resamples=10).kappa == pytest.approx(result.kappa)


@given(ratings)
def test_raw_agreement_is_the_mean_over_pairs_of_readers(values):
    agree = pairwise_agreement(values)
    items, readers = values.shape
    np.testing.assert_array_equal(np.diag(agree), items)
    np.testing.assert_array_equal(agree[0, 1], (values[:, 0] == values[:, 1]).sum())
    pairs = agree[~np.eye(readers, dtype=bool)]
    assert fleiss_kappa(values, resamples=10).agreement == pytest.approx(pairs.mean() / items)


def test_kappa_of_the_1971_paper():
    """Fleiss 1971 by way of statsmodels' table: 10 items, 14 raters, 5 categories, kappa 0.210."""
    table = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    values = [np.repeat(np.arange(5), row) for row in table]
    assert fleiss_kappa(values).kappa == pytest.approx(0.210, abs=5e-4)


def test_interval_holds_kappa_and_shrinks_with_more_items():
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=400)
    values = np.where(rng.random((400, 3)) < 0.85, truth[:, None], 1 - truth[:, None])
    many, few = fleiss_kappa(values), fleiss_kappa(values[:40])
    assert many.low < many.kappa < many.high
    assert many.high - many.low < few.high - few.low


def test_perfect_agreement_on_one_category_is_one():
    result = fleiss_kappa(np.ones((30, 3)))
    assert (result.kappa, result.low, result.high, result.agreement) == (1, 1, 1, 1)


def test_incomplete_ratings_are_refused():
    with pytest.raises(ValueError, match="item 1 has no rating by reader 2"):
        fleiss_kappa([[0, 1, 1], [0, 1, np.nan]])
    with pytest.raises(ValueError, match=r"readers >= 2\], found \[5, 1\]"):
        pairwise_agreement(np.zeros((5, 1)))


def test_real_radiologists_against_statsmodels(shared):
    """All eight radiologists of the CheXpert test set, every finding."""
    tables = [pd.read_csv(path) for path in sorted((shared / "data" / "chexpert_test" / "radiologists").glob("*.csv"))]
    assert len(tables) == 8
    for finding in tables[0].columns[1:]:
        values = np.stack([table.set_index("Study")[finding].loc[tables[0]["Study"]] for table in tables], axis=1)
        assert fleiss_kappa(values, resamples=10).kappa == pytest.approx(reference_kappa(aggregate_raters(values)[0]))
