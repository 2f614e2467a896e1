"""AUC with and without a confounder against scikit-learn, redraws made one by one, and worlds whose answer is known."""

from io import StringIO

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from diffchest.audit.published_pairs import COLUMNS as WITNESS_COLUMNS
from diffchest.audit.published_pairs import label_witness
from diffchest.audit.reliance import COLUMNS, pairs_to_test, reliance_metrics, reliance_table
from diffchest.errors import DataError
from diffchest.evaluation.test_set import TestSet
from diffchest.params.evaluation import BootstrapParams
from diffchest.phantom.public_labels import DOWNLOADS, PADCHEST_TABLE, WHEEL, fetch_tables
from tests.helpers.repository import without_tables

BOOTSTRAP = BootstrapParams(unit="patient", resamples=300, confidence=0.95, interval="score", seed=0)
N = 1600


@pytest.fixture(scope="module")
def world() -> tuple[TestSet, pd.DataFrame]:
    """`seen` is scored by itself, `read` by its tube alone; both often have the tube. `rare` has few without it."""
    rng = np.random.default_rng(0)
    disease, tube = rng.random((2, N)) < [[0.15], [0.05]]
    tube |= disease & (rng.random(N) < 0.6)
    labels = pd.DataFrame({"seen": disease, "read": disease, "tube": tube}).astype(float)
    labels["rare"] = (tube & (np.arange(N) % 2 == 0)) * 1.0
    labels.loc[np.flatnonzero(~tube)[-9:], "rare"] = 1.0
    labels.loc[:40, "tube"] = np.nan
    labels.loc[60:80, "read"] = np.nan
    scores = pd.DataFrame(rng.normal(size=labels.shape), columns=labels.columns)
    scores["seen"] += 1.5 * disease
    scores["read"] += 3.0 * tube
    return TestSet(labels, np.arange(N) // 2), scores


def pairs(*names: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(names, columns=["target", "confounder", "source"]).assign(kind="", p_b_given_a=0.5, lift=3.0)


def table_of(world, chosen: pd.DataFrame, **changes) -> pd.DataFrame:
    settings = {"positives_above": 10, "bootstrap": BOOTSTRAP, "alpha": 0.05} | changes
    return reliance_table(chosen, *world, **settings)


@pytest.fixture(scope="module")
def table(world) -> pd.DataFrame:
    chosen = pairs(("seen", "tube", "audit"), ("read", "tube", "audit"), ("rare", "tube", "audit"))
    return table_of(world, chosen).set_index("target")


def test_aucs_are_those_of_scikit_learn_on_the_subsets(world, table):
    test, scores = world
    for target in ("seen", "read"):
        known = test.labels[[target, "tube"]].notna().all(axis=1)
        groups = {
            "": known,
            "with_": known & (test.labels["tube"] == 1),
            "without_": known & (test.labels["tube"] == 0),
        }
        row = table.loc[target]
        for group, chosen in groups.items():
            y = test.labels.loc[chosen, target]
            assert row[f"{group}auc"] == pytest.approx(roc_auc_score(y, scores.loc[chosen, target])), group
            assert (row[f"{group}n"], row[f"{group}positives"]) == (chosen.sum(), y.sum())
        assert row["drop"] == pytest.approx(row["auc"] - row["without_auc"])


def test_drop_has_the_interval_and_p_of_patients_redrawn_one_by_one(world, table):
    test, scores = world
    known = test.labels[["seen", "tube"]].notna().all(axis=1).to_numpy()
    y, s, tube = test.labels["seen"].to_numpy(), scores["seen"].to_numpy(), test.labels["tube"].to_numpy()
    rng, drops = np.random.default_rng(99), []  # other redraws than the product's
    for _ in range(600):
        patients = rng.integers(N // 2, size=N // 2)
        images = np.concatenate([2 * patients, 2 * patients + 1])
        images = images[known[images]]
        bare = images[tube[images] == 0]
        drops.append(roc_auc_score(y[images], s[images]) - roc_auc_score(y[bare], s[bare]))
    row, spread = table.loc["seen"], np.std(drops)
    low, high = np.quantile(drops, [0.025, 0.975])
    assert [row["drop_low"], row["drop_high"]] == pytest.approx([low, high], abs=0.3 * spread)
    assert row["p_value"] == pytest.approx(2 * norm.sf(abs(row["drop"]) / spread), abs=0.06)


def test_a_head_that_reads_the_tube_collapses_and_one_that_sees_the_finding_does_not(table):
    assert table["collapses"].to_dict() == {"read": True, "seen": False, "rare": False}
    read = table.loc["read"]
    assert read["auc"] > 0.7
    for group in ("with_", "without_"):  # the tube says nothing where it is the same throughout
        assert read[f"{group}low"] < 0.5 < read[f"{group}high"]
    assert read["drop_low"] > 0.1
    assert table.loc["seen", "without_low"] > 0.75


def test_a_drop_must_be_both_significant_and_large_to_be_a_collapse(world):
    chosen = pairs(("read", "tube", "audit"))
    assert not table_of(world, chosen, alpha=0.0)["collapses"].any()
    test, scores = world
    both = scores.assign(read=scores["read"] + 1.0 * test.labels["read"].fillna(0))
    row = table_of((test, both), chosen).iloc[0]
    assert row["p_bh"] < 0.05
    assert row["drop"] > 0
    assert row["without_auc"] - 0.5 > (row["auc"] - 0.5) / 2
    assert not row["collapses"]


def test_a_group_with_too_few_cases_is_left_out_and_counted(table):
    rare = table.loc["rare"]
    assert rare["without_positives"] == 9
    assert rare[["without_auc", "drop", "drop_low", "p_value", "p_holm", "p_bh"]].isna().all()
    assert rare["with_auc"] > 0
    metrics = reliance_metrics(table.reset_index())["audit"]
    assert (metrics["pairs"], metrics["tested"]) == (3, 2)
    assert (metrics["too_few_with"], metrics["too_few_without"]) == (0, 1)
    assert metrics["collapses"] == 1
    assert metrics["largest_drop"] == pytest.approx(table.loc["read", "drop"])


def test_each_source_of_pairs_is_a_family_of_its_own(world):
    chosen = pairs(("read", "tube", "labels"), ("seen", "tube", "audit"), ("seen", "rare", "audit"))
    table = table_of(world, chosen)
    assert table["source"].tolist() == ["audit", "audit", "labels"]
    first, second, alone = table.to_dict("records")
    assert alone["p_holm"] == alone["p_bh"] == alone["p_value"]
    smallest = min(first["p_value"], second["p_value"])
    assert min(first["p_holm"], second["p_holm"]) == pytest.approx(min(1, 2 * smallest))


def test_a_confounder_without_influence_is_significant_one_time_in_twenty():
    """300 confounders that are given by chance to the cases of findings scored by themselves."""
    rng = np.random.default_rng(1)
    y = (rng.random((1200, 300)) < 0.15) * 1.0
    b = (rng.random(y.shape) < 0.1 + 0.4 * y) * 1.0
    names = [str(number) for number in range(600)]
    test = TestSet(pd.DataFrame(np.hstack([y, b]), columns=names), np.arange(1200) // 2)
    scores = pd.DataFrame(1.5 * y + rng.normal(size=y.shape), columns=names[:300])
    chosen = pairs(*((str(number), str(300 + number), "audit") for number in range(300)))
    p = table_of((test, scores), chosen)["p_value"]
    assert p.notna().all()
    assert 0.015 < (p < 0.05).mean() < 0.09  # 0.05 +- 3 standard errors


AUDIT = pd.DataFrame({"target": ["a", "a", "b"], "confounder": ["b", "c", "a"], "flagged": [True, False, False]})
COUNTS = pd.DataFrame(
    [("a", "b", 0.05, 1.1), ("a", "c", 0.4, 9.0), ("b", "a", 0.9, 1.5), ("c", "a", 0.5, 2.0), ("c", "b", 0.09, 5.0)],
    columns=["target", "confounder", "p_b_given_a", "lift"],
)


def test_pairs_come_from_the_audit_or_from_the_labels():
    found = pairs_to_test(AUDIT, COUNTS, kinds={"c": "treatment"}, lift=2.0, cooccurrence=0.1)
    assert found[["target", "confounder", "kind", "source", "lift"]].to_numpy().tolist() == [
        ["a", "b", "", "audit", 1.1],
        ["a", "c", "treatment", "labels", 9.0],
        ["c", "a", "", "not audited", 2.0],
    ]


def test_no_pair_gives_a_table_without_rows(world):
    audit, counts = (pd.read_csv(StringIO(frame.head(0).to_csv(index=False))) for frame in (AUDIT, COUNTS))
    none = pairs_to_test(audit, counts, kinds={}, lift=2.0, cooccurrence=0.1)
    table = table_of(world, none)
    assert list(table.columns) == COLUMNS
    assert table.empty
    assert reliance_metrics(table)["audit"]["collapses"] == 0


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("goiter", "tube"), r"confounders\.csv: target 'goiter' is not among the evaluated.*dvc repro confounders"),
        (("seen", "goiter"), "confounder 'goiter' is not among the evaluated"),
        (("rare", "tube"), r"target 'rare' is not in the scores \(3 findings"),
    ],
)
def test_an_unknown_finding_is_named(world, pair, message):
    test, scores = world
    with pytest.raises(DataError, match=message):
        table_of((test, scores.drop(columns="rare")), pairs((*pair, "audit")))


def test_a_table_without_a_column_says_which_stage_to_run():
    with pytest.raises(DataError, match=r"confounders\.csv: no column 'flagged'; run `dvc repro confounders`"):
        pairs_to_test(AUDIT.drop(columns="flagged"), COUNTS, kinds={}, lift=2.0, cooccurrence=0.1)


def test_witness_counts_by_hand_and_leaves_out_unknown_names():
    labels = pd.DataFrame({"pneumothorax": [1, 1, 1, 0, 0, np.nan], "chest drain tube": [1, 0, np.nan, 1, 0, 1]})
    row = label_witness(labels, np.arange(6), BOOTSTRAP).iloc[0]
    assert (row["radiographs_read"], row["confounder_present"], row["ratio_percent"]) == (30, 5, 16.7)
    assert (row["radiographs_labelled"], row["diagnosis_labelled"], row["both_labelled"]) == (6, 2, 1)
    assert row["p_b_given_a"] == 0.5
    assert row["lift"] == pytest.approx(0.5 / 0.5)
    assert (row["low"], row["high"]) == (0, 1)
    empty = label_witness(labels[["pneumothorax"]], np.arange(6), BOOTSTRAP)
    assert list(empty.columns) == WITNESS_COLUMNS
    assert empty.empty


def test_the_real_table_has_69_of_72_valves_with_sternotomy_and_10_of_67_pneumothoraces_with_drain(root, tmp_path):
    """Counted in the text of the table's frontal physician-labelled rows."""
    if not (root / DOWNLOADS / WHEEL.file).is_file():
        without_tables()
    fetch_tables(tmp_path, downloads=root / DOWNLOADS)
    columns = ["PatientID", "Projection", "MethodLabel", "Labels"]
    rows = pd.read_csv(tmp_path / PADCHEST_TABLE, usecols=columns, dtype=str)
    rows = rows[rows["Projection"].isin(["PA", "AP", "AP_horizontal"]) & (rows["MethodLabel"] == "Physician")]
    assert len(rows) == 26_432
    names = ["artificial heart valve", "sternotomy", "pneumothorax", "chest drain tube"]
    named = {name: rows["Labels"].str.contains(rf"'\s*{name}\s*'", regex=True, na=False) for name in names}
    table = label_witness(pd.DataFrame(named).astype(float), rows["PatientID"].to_numpy(), BOOTSTRAP)
    shown = table[["both_labelled", "diagnosis_labelled", "confounder_present", "radiographs_read"]]
    assert shown.to_numpy().tolist() == [[69, 72, 30, 30], [10, 67, 5, 30]]
    assert ((table["low"] < table["p_b_given_a"]) & (table["p_b_given_a"] < table["high"])).all()
