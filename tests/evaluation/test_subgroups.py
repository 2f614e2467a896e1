"""AUC and missed positives by group against scikit-learn and counting; the test of a gap against closed forms."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, pearson3, studentized_range
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from diffchest.evaluation.subgroups import (
    GAP_COLUMNS,
    GROUP_COLUMNS,
    group_of,
    range_p_value,
    subgroup_metrics,
    subgroup_tables,
)
from diffchest.evaluation.test_set import TestSet
from diffchest.params.evaluation import BootstrapParams
from tests.helpers.evaluation import GROUPS

BOOTSTRAP = BootstrapParams(unit="patient", resamples=400, confidence=0.95, interval="score", seed=0)
N = 900


@pytest.fixture(scope="module")
def manifest() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    columns = {"sex": rng.choice(["M", "F", ""], N, p=[0.48, 0.48, 0.04]), "age": rng.uniform(20, 90, N)}
    frame = pd.DataFrame(columns | {"view": np.where(rng.random(N) < 0.9, "PA", "AP")})
    frame.loc[::50, "age"] = np.nan
    return frame


@pytest.fixture(scope="module")
def tables(manifest) -> tuple[TestSet, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """`fair` is as easy in all groups; `unfair` cannot be told in women; `rare` is too rare in AP."""
    rng = np.random.default_rng(1)
    labels = pd.DataFrame((rng.random((N, 3)) < [0.3, 0.3, 0.05]) * 1.0, columns=["fair", "unfair", "rare"])
    labels.loc[:30, "fair"] = np.nan
    scores = 2.0 * labels.fillna(0) + rng.normal(size=labels.shape)
    women = (manifest["sex"] == "F").to_numpy()
    scores.loc[women, "unfair"] = rng.normal(size=women.sum())
    test = TestSet(labels, np.arange(N) // 2)
    return test, scores, *subgroup_tables(test, scores, manifest, model="m", params=GROUPS, bootstrap=BOOTSTRAP)


def test_every_group_has_the_auc_of_its_own_rows(tables, manifest):
    test, scores, table, _ = tables
    assert list(table.columns) == GROUP_COLUMNS
    groups = {name: group_of(manifest, name, GROUPS.age_bands)[0] for name in GROUPS.attributes}
    assert set(table["group"]) == {"M", "F", "<40", "40-59", ">=60", "PA", "AP"}
    for row in table.to_dict("records"):
        own = (groups[row["attribute"]] == row["group"]) & test.labels[row["finding"]].notna()
        y, s = test.labels.loc[own, row["finding"]], scores.loc[own, row["finding"]]
        assert row["auc"] == pytest.approx(roc_auc_score(y, s))
        assert (row["n"], row["positives"]) == (own.sum(), y.sum())
        assert row["low"] < row["auc"] < row["high"]


def test_missed_are_the_positives_below_the_score_of_the_prevalence(tables, manifest):
    test, scores, table, _ = tables
    known = test.labels["fair"].notna()
    ranked = scores.loc[known, "fair"].sort_values(ascending=False)
    called = set(ranked.index[: int(test.labels["fair"].sum())])
    for sex in ("M", "F"):
        positives = manifest.index[(manifest["sex"] == sex) & (test.labels["fair"] == 1)]
        row = table[(table["group"] == sex) & (table["finding"] == "fair")].iloc[0]
        assert row["missed"] == pytest.approx(np.mean([index not in called for index in positives]))
        assert row["missed_low"] < row["missed"] < row["missed_high"]


def test_small_groups_are_left_out(tables):
    _, _, table, gaps = tables
    assert not ((table["finding"] == "rare") & (table["group"] == "AP")).any()
    assert not ((gaps["finding"] == "rare") & (gaps["attribute"] == "view")).any()


def test_the_gap_that_is_there_is_found_and_no_other(tables):
    _, _, table, gaps = tables
    assert list(gaps.columns) == GAP_COLUMNS
    for measure in ("auc", "missed"):
        significant = gaps[(gaps["measure"] == measure) & (gaps["p_holm"] < 0.05)]
        assert significant[["attribute", "finding"]].to_numpy().tolist() == [["sex", "unfair"]], measure
    first = gaps[gaps["measure"] == "auc"].iloc[0]
    assert (first["lowest"], first["highest"]) == ("F", "M")
    assert first["low"] < first["gap"] < first["high"]
    metrics = subgroup_metrics(table, gaps)
    assert metrics["sex"]["auc_gaps"] == {"tested": 3, "significant_holm": 1, "significant_bh": 1}
    assert metrics["sex"]["missed_gaps"]["significant_holm"] == 1
    fair = table[(table["attribute"] == "sex") & (table["group"] == "F")]["auc"].mean()
    assert metrics["sex"]["macro_auc"]["F"] == pytest.approx(fair)


def test_groups_by_age_and_rows_without_one():
    ages = [0, 39.9, 40, 59, 60, 101, np.nan]
    frame = pd.DataFrame({"age": ages, "sex": ["M", "F", "", None, "M", "M", "M"]})
    groups, names = group_of(frame, "age", [40, 60])
    assert groups.tolist() == ["<40", "<40", "40-59", "40-59", ">=60", ">=60", ""]
    assert names == ["<40", "40-59", ">=60"]
    assert group_of(frame, "age", [5, 10, 50])[1] == ["<5", "10-49", ">=50"]
    assert group_of(frame, "age", [])[0].tolist() == ["all"] * 6 + [""]
    groups, names = group_of(frame, "sex", [40])
    assert groups.tolist()[:4] == ["M", "F", "", ""]
    assert names == ["F", "M"]


def test_p_of_two_groups_is_that_of_the_normal_test():
    for gap in (1.0, 3.0, 6.0):
        expected = 2 * norm.sf(gap / np.hypot(2.0, 1.4))
        p = range_p_value(np.array([0, gap]), np.array([2.0, 1.4]), np.zeros(2), seed=1)
        assert p == pytest.approx(expected, rel=0.05, abs=3e-4)


def test_p_of_several_groups_is_that_of_the_studentized_range():
    for gap in (2.0, 3.6, 4.5):
        p = range_p_value(np.array([0, gap, gap / 2, 0.1]), np.ones(4), np.zeros(4), seed=1)
        assert p == pytest.approx(studentized_range.sf(gap, 4, np.inf), rel=0.05, abs=1e-3)


@pytest.mark.parametrize("skewness", [-1.5, 0.4])
def test_p_of_a_skewed_estimate_is_that_of_the_pearson_distribution(skewness):
    """The other group is known exactly."""
    for gap in (1.0, 2.5, 4.0):
        expected = pearson3.sf(gap, skewness) + pearson3.cdf(-gap, skewness)
        p = range_p_value(np.array([0.0, gap]), np.array([1.0, 1e-9]), np.array([skewness, 0.0]), seed=1)
        assert p == pytest.approx(expected, rel=0.1, abs=1e-3)


def test_no_p_where_one_radiograph_decides():
    """Nearly all positives rank first: which group has the one that does not is chance."""
    y = np.tile([1.0, 0.0, 0.0, 0.0], 100)
    scores = pd.DataFrame({"effusion": y + np.arange(400) * 1e-4})
    scores.loc[0, "effusion"] = -1.0
    about = pd.DataFrame({"sex": np.where(np.arange(400) < 80, "F", "M")})
    params = GROUPS.model_copy(update={"attributes": ["sex"]})
    test = TestSet(pd.DataFrame({"effusion": y}), np.arange(400))
    table, gaps = subgroup_tables(test, scores, about, model="m", params=params, bootstrap=BOOTSTRAP)
    assert gaps.loc[gaps["measure"] == "auc", "p_value"].isna().all()
    assert subgroup_metrics(table, gaps)["sex"]["auc_gaps"]["tested"] == 0


@pytest.mark.parametrize(
    ("separation", "small", "images"),
    [(1.0, 0.33, 2), (2.9, 0.05, 1), (2.5, 0.05, 2)],  # AUC 0.76, 0.98 and about 0.94
    ids=["middling", "nearly perfect in a small group", "small group, two images a patient"],
)
def test_equal_groups_seldom_differ_significantly(separation, small, images):
    """300 findings whose groups are alike: at most about one in twenty p below 0.05, one in a hundred below 0.01."""
    rng = np.random.default_rng(5)
    number = 1200 // images
    patient = np.repeat(np.arange(number), images)
    y = (rng.random((1200, 300)) < 0.3) * 1.0
    scores = separation * y + rng.normal(size=y.shape) + (images > 1) * rng.normal(size=(number, 300))[patient]
    names = [str(finding) for finding in range(300)]
    about = pd.DataFrame({"view": np.where(rng.random(1200) < small, "a", np.where(rng.random(1200) < 0.5, "b", "c"))})
    params = GROUPS.model_copy(update={"attributes": ["view"]})
    test, scored = TestSet(pd.DataFrame(y, columns=names), patient), pd.DataFrame(scores, columns=names)
    _, gaps = subgroup_tables(test, scored, about, model="m", params=params, bootstrap=BOOTSTRAP)
    for measure, p in gaps.groupby("measure")["p_value"]:
        p = p.dropna()
        assert len(p) > 200
        assert (p < 0.05).mean() < 0.09, measure
        assert (p < 0.01).mean() < 0.03, measure
        assert (p < 0.2).mean() > 0.05, measure  # and not never
    assert (gaps["p_holm"] < 0.05).sum() <= 1


def test_gaps_are_adjusted_over_all_attributes_of_a_measure(tables):
    gaps = tables[3]
    for measure in ("auc", "missed"):
        own = gaps[gaps["measure"] == measure]
        assert own["attribute"].nunique() == 3
        np.testing.assert_allclose(own["p_holm"], multipletests(own["p_value"], method="holm")[1])
        np.testing.assert_allclose(own["p_bh"], multipletests(own["p_value"], method="fdr_bh")[1])


def test_constant_scores_miss_all_but_their_share_and_normal_is_never_missed():
    y = np.tile([1.0, 0.0, 0.0, 0.0], 60)
    test = TestSet(pd.DataFrame({"effusion": y, "No Finding": 1 - y}), np.arange(240))
    scores = pd.DataFrame(0.5, index=range(240), columns=["effusion", "No Finding"])
    about = pd.DataFrame({"sex": np.where(np.arange(240) % 8 < 4, "F", "M")})
    params = GROUPS.model_copy(update={"attributes": ["sex"]})
    table, gaps = subgroup_tables(test, scores, about, model="m", params=params, bootstrap=BOOTSTRAP)
    rows = table.set_index(["finding", "group"])
    assert rows.loc["effusion", "missed"].tolist() == pytest.approx([0.75, 0.75])  # one in four is called, by chance
    assert rows.loc["No Finding", "missed"].isna().all()
    assert set(gaps.loc[gaps["measure"] == "missed", "finding"]) == {"effusion"}
    assert subgroup_metrics(table, gaps)["sex"]["findings"] == 1


def test_no_positive_missed_still_has_an_interval(tables):
    """Wilson's interval, and Newcombe's of a difference, against statsmodels."""
    y = np.tile([1.0, 0.0], 60)
    test = TestSet(pd.DataFrame({"effusion": y}), np.arange(120))
    about = pd.DataFrame({"sex": np.where(np.arange(120) < 40, "F", "M")})
    scores = pd.DataFrame({"effusion": y})
    scores.loc[[100, 102], "effusion"] = -1.0
    params = GROUPS.model_copy(update={"attributes": ["sex"]})
    table, gaps = subgroup_tables(test, scores, about, model="m", params=params, bootstrap=BOOTSTRAP)
    rows = table.set_index("group")
    assert rows.loc["F", "missed"] == 0
    assert rows.loc["F", "missed_high"] == pytest.approx(proportion_confint(0, 20, method="wilson")[1], rel=0.1)
    gap = gaps[gaps["measure"] == "missed"].iloc[0]
    expected = confint_proportions_2indep(rows.loc["M", "missed"] * 40, 40, 0, 20, method="newcomb")
    assert (gap["low"], gap["high"]) == pytest.approx(expected, abs=0.02)
