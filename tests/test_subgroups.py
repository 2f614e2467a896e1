"""AUC and missed positives by group against scikit-learn and counting; the test of a gap against closed forms."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, studentized_range
from sklearn.metrics import roc_auc_score

from diffchest.evaluation import TestSet
from diffchest.params import BootstrapParams, SubgroupsParams
from diffchest.subgroups import (
    GAP_COLUMNS,
    GROUP_COLUMNS,
    group_of,
    range_p_value,
    subgroup_metrics,
    subgroup_tables,
)

BOOTSTRAP = BootstrapParams(unit="patient", resamples=400, confidence=0.95, seed=0)
PARAMS = SubgroupsParams(attributes=["sex", "age", "view"], age_bands=[40, 60], positives_above=10)
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
    return test, scores, *subgroup_tables(test, scores, manifest, model="m", params=PARAMS, bootstrap=BOOTSTRAP)


def test_every_group_has_the_auc_of_its_own_rows(tables, manifest):
    test, scores, table, _ = tables
    assert list(table.columns) == GROUP_COLUMNS
    groups = {name: group_of(manifest, name, PARAMS.age_bands) for name in PARAMS.attributes}
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
    assert metrics["sex"]["significant_holm"] == 1
    fair = table[(table["attribute"] == "sex") & (table["group"] == "F")]["auc"].mean()
    assert metrics["sex"]["macro_auc"]["F"] == pytest.approx(fair)


def test_groups_by_age_and_rows_without_one():
    frame = pd.DataFrame({"age": [0, 39.9, 40, 59, 60, 101, np.nan], "sex": ["M", "F", "", "M", "M", "M", "M"]})
    assert group_of(frame, "age", [40, 60]).tolist() == ["<40", "<40", "40-59", "40-59", ">=60", ">=60", ""]
    assert group_of(frame, "age", []).tolist() == ["all"] * 6 + [""]
    assert group_of(frame, "sex", [40]).tolist()[:3] == ["M", "F", ""]


def test_p_of_two_groups_is_that_of_the_normal_test():
    rng = np.random.default_rng(0)
    samples = rng.multivariate_normal([0, 0], [[4, 1], [1, 2]], size=20_000)
    for gap in (1.0, 3.0, 6.0):
        expected = 2 * norm.sf(gap / (samples[:, 0] - samples[:, 1]).std())
        assert range_p_value(np.array([0, gap]), samples, seed=1) == pytest.approx(expected, rel=0.1, abs=2e-4)


def test_p_of_several_groups_is_that_of_the_studentized_range():
    samples = np.random.default_rng(0).normal(size=(50_000, 4))
    for gap in (2.0, 3.6, 4.5):
        p = range_p_value(np.array([0, gap, gap / 2, 0.1]), samples, seed=1)
        assert p == pytest.approx(studentized_range.sf(gap, 4, np.inf), rel=0.05, abs=1e-3)


def test_equal_groups_differ_significantly_one_time_in_twenty():
    """300 findings whose three groups are alike, patients with two images."""
    rng = np.random.default_rng(5)
    y = (rng.random((1200, 300)) < 0.25) * 1.0
    patient = np.repeat(np.arange(600), 2)
    scores = y + rng.normal(size=y.shape) + rng.normal(size=(600, 300))[patient]
    names = [str(number) for number in range(300)]
    test = TestSet(pd.DataFrame(y, columns=names), patient)
    about = pd.DataFrame({"view": rng.choice(["a", "b", "c"], 1200)})
    params = PARAMS.model_copy(update={"attributes": ["view"]})
    scored = pd.DataFrame(scores, columns=names)
    _, gaps = subgroup_tables(test, scored, about, model="m", params=params, bootstrap=BOOTSTRAP)
    p = gaps.loc[gaps["measure"] == "auc", "p_value"]
    assert len(p) == 300
    assert 0.02 < (p < 0.05).mean() < 0.09  # 0.05 +- 3 standard errors


def test_incomplete_redraws_do_not_count_and_nothing_known_is_nan():
    samples = np.random.default_rng(0).normal(size=(500, 2))
    samples[::2, 0] = np.nan
    assert 0 < range_p_value(np.array([0.0, 2.0]), samples, seed=0) < 1
    assert np.isnan(range_p_value(np.array([0.0, 2.0]), np.full((5, 2), np.nan), seed=0))
