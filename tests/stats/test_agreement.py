"""Agreement of readers, against statsmodels, published values and counting."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats.inter_rater import aggregate_raters
from statsmodels.stats.inter_rater import fleiss_kappa as reference_kappa

from diffchest.stats import fleiss_kappa, gwet_ac1, krippendorff_alpha, pairwise_agreement

ratings = arrays(np.int64, st.tuples(st.integers(2, 30), st.integers(2, 6)), elements=st.integers(0, 2))


@given(ratings.filter(lambda values: len(np.unique(values)) > 1))
def test_kappa_is_that_of_statsmodels(values):
    result = fleiss_kappa(values, resamples=10)
    assert result.value == pytest.approx(reference_kappa(aggregate_raters(values)[0]))
    assert fleiss_kappa(values[:, ::-1], resamples=10).value == pytest.approx(result.value)


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
    assert fleiss_kappa(values).value == pytest.approx(0.210, abs=5e-4)


def test_interval_holds_kappa_and_shrinks_with_more_items():
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=400)
    values = np.where(rng.random((400, 3)) < 0.85, truth[:, None], 1 - truth[:, None])
    many, few = fleiss_kappa(values), fleiss_kappa(values[:40])
    assert many.low < many.value < many.high
    assert many.high - many.low < few.high - few.low


# Gwet 2014, p. 120 (irrCAC: raw.4raters): 12 subjects, 4 raters, categories 1 to 5, 0: no rating
FOUR_RATERS = [
    [1, 1, 0, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [0, 5, 5, 5], [0, 0, 1, 1], [0, 0, 3, 0],
]  # fmt: skip
# Gwet 2014 (irrCAC: cont3x3abstractors): 100 women, two abstractors: ectopic, abnormal, normal pregnancy
ABSTRACTORS = [[13, 0, 0], [0, 20, 7], [0, 4, 56]]
# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example C: 12 units, 4 observers, nominal
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]  # fmt: skip


def gaps(values):
    return np.where(np.array(values) == 0, np.nan, values)


def pairs_of(table):
    """Ratings [n, 2] from a contingency table."""
    return np.array([(a, b) for (a, b), number in np.ndenumerate(np.array(table)) for _ in range(number)])


@pytest.mark.parametrize(
    ("coefficient", "four_raters", "abstractors"),
    [
        (fleiss_kappa, 0.76117, 0.7962397),
        (gwet_ac1, 0.77544, 0.8493305),
        (krippendorff_alpha, 0.74342, 0.7972585),
    ],
)
def test_the_values_of_irrcac(coefficient, four_raters, abstractors):
    result = coefficient(gaps(FOUR_RATERS), resamples=10)
    assert result.value == pytest.approx(four_raters, abs=5e-6)
    assert result.agreement == pytest.approx(0.81818, abs=5e-6)
    assert coefficient(pairs_of(ABSTRACTORS), resamples=10).value == pytest.approx(abstractors, abs=5e-8)


def test_alpha_of_krippendorffs_own_example():
    assert krippendorff_alpha(gaps(OBSERVERS).T).value == pytest.approx(0.743, abs=5e-4)


@given(ratings.filter(lambda values: len(np.unique(values)) > 1))
def test_alpha_is_kappa_corrected_for_the_number_of_ratings(values):
    """Without gaps 1 - alpha = (1 - kappa) (1 - 1 / n), n ratings: Krippendorff's expectation is without replacement."""
    kappa, alpha = fleiss_kappa(values, resamples=10).value, krippendorff_alpha(values, resamples=10).value
    assert 1 - alpha == pytest.approx((1 - kappa) * (1 - 1 / values.size))


def test_ac1_of_two_readers_by_hand():
    """Gwet 2008: chance agreement of two categories is 2 p (1 - p), p the mean share of one."""
    result = gwet_ac1(pairs_of([[80, 10], [10, 0]]))
    chance = 2 * 0.1 * 0.9
    assert result.value == pytest.approx((0.8 - chance) / (1 - chance))
    assert fleiss_kappa(pairs_of([[80, 10], [10, 0]])).value < 0  # the paradox


@pytest.mark.parametrize("coefficient", [fleiss_kappa, krippendorff_alpha, gwet_ac1])
def test_agreement_on_one_category_is_undefined_and_not_perfect(coefficient):
    result = coefficient(np.ones((30, 3)), resamples=50)
    assert np.isnan([result.value, result.low, result.high]).all()
    assert (result.undefined, result.agreement) == (50, 1)


def test_ac1_is_defined_where_another_category_was_possible():
    result = gwet_ac1(np.ones((30, 3)), categories=[0, 1])
    assert (result.value, result.low, result.high, result.undefined) == (1, 1, 1, 0)
    with pytest.raises(ValueError, match=r"1 is none of the categories \[0.0, 2.0\]"):
        gwet_ac1(np.ones((30, 3)), categories=[0, 2])


def test_undefined_redraws_are_left_out_and_counted():
    """One answer of 90 differs: a redraw misses its radiograph with probability (29/30)^30, and is 0/0."""
    values = np.zeros((30, 3))
    values[0, 0] = 1
    result = fleiss_kappa(values, resamples=4000)
    assert result.value == pytest.approx(-1 / 89)
    assert result.low <= result.value == result.high < 0
    assert result.undefined / 4000 == pytest.approx((29 / 30) ** 30, abs=0.025)
    assert gwet_ac1(values, categories=[0, 1]).high <= 1


def test_intervals_of_coefficients_cover():
    """Three readers with sensitivity and specificity 0.85, half of the items positive: kappa is (2 * 0.85 - 1)^2."""
    rng, truth, held = np.random.default_rng(0), (2 * 0.85 - 1) ** 2, []
    for _ in range(200):
        values = np.where(rng.random((100, 3)) < 0.85, 1, 0) ^ rng.integers(2, size=100)[:, None]
        found = [each(values, resamples=200) for each in (fleiss_kappa, gwet_ac1, krippendorff_alpha)]
        held.append([result.low <= truth <= result.high for result in found])
    assert (np.mean(held, axis=0) > 0.88).all()


def test_items_without_ratings_do_not_count_and_bad_ones_are_refused():
    values = gaps(FOUR_RATERS)
    more = np.vstack([values, np.full((3, 4), np.nan)])
    assert fleiss_kappa(more) == fleiss_kappa(values)
    with pytest.raises(ValueError, match=r"readers >= 2\], found \[5, 1\]"):
        fleiss_kappa(np.zeros((5, 1)))
    with pytest.raises(ValueError, match="item 1 has no rating by reader 2"):
        pairwise_agreement([[0, 1, 1], [0, 1, np.nan]])
    with pytest.raises(ValueError, match=r"readers >= 2\], found \[5, 1\]"):
        pairwise_agreement(np.zeros((5, 1)))


def test_real_radiologists_against_statsmodels(shared):
    """All eight radiologists of the CheXpert test set, every finding."""
    tables = [pd.read_csv(path) for path in sorted((shared / "data" / "chexpert_test" / "radiologists").glob("*.csv"))]
    assert len(tables) == 8
    for finding in tables[0].columns[1:]:
        values = np.stack([table.set_index("Study")[finding].loc[tables[0]["Study"]] for table in tables], axis=1)
        assert fleiss_kappa(values, resamples=10).value == pytest.approx(reference_kappa(aggregate_raters(values)[0]))
