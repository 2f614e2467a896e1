"""The reader study: sampling, simulated and given ratings, tables 1 and 2."""

import re

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.inter_rater import aggregate_raters
from statsmodels.stats.inter_rater import fleiss_kappa as reference_kappa

from diffchest.errors import DataError
from diffchest.params import SimulatedReadersParams
from diffchest.reader_study import (
    RATING_COLUMNS,
    TABLE_COLUMNS,
    pairwise_table,
    read_ratings,
    reader_table,
    sample_radiographs,
    simulate_ratings,
    strongest_confounders,
    study_metrics,
)

IDS = [f"cohort/{number:03d}" for number in range(300)]
QUESTIONS = pd.DataFrame({"diagnosis": ["valve", "effusion"], "kind": "treatment", "confounder": ["wires", "tube"]})


@pytest.fixture
def labels() -> pd.DataFrame:
    values = np.random.default_rng(0).random((len(IDS), 4)) < [0.4, 0.5, 0.5, 0.3]
    return pd.DataFrame(values.astype(np.float32), index=IDS, columns=["valve", "effusion", "wires", "tube"])


@pytest.fixture
def manifest() -> pd.DataFrame:
    return pd.DataFrame({"image_id": IDS, "patient_id": [f"cohort/p{number // 2}" for number in range(300)]})


@pytest.fixture
def ratings() -> pd.DataFrame:
    """Three readers, two questions of one kind, one of the other; nobody perfect."""
    rng = np.random.default_rng(1)
    rows = []
    for kind, diagnosis, confounder in [
        ("treatment", "valve", "wires"),
        ("treatment", "effusion", "tube"),
        ("physiology", "valve", "effusion"),
    ]:
        for image_id in IDS[:20]:
            truth = rng.random() < 0.5
            for reader in "abc":
                rows.append((reader, image_id, diagnosis, kind, confounder, int(truth != (rng.random() < 0.2))))
    return pd.DataFrame(rows, columns=RATING_COLUMNS)


def settings(sensitivity=1.0, specificity=1.0, readers=3) -> SimulatedReadersParams:
    return SimulatedReadersParams(readers=readers, sensitivity=sensitivity, specificity=specificity)


def test_sample_takes_positives_of_different_patients(manifest, labels):
    sample = sample_radiographs(manifest, labels, ["valve", "effusion"], number=30, seed=3)
    patient = manifest.set_index("image_id")["patient_id"]
    for diagnosis, rows in sample.groupby("diagnosis"):
        assert len(rows) == 30
        assert (labels.loc[rows["image_id"], diagnosis] == 1).all()
        assert patient.loc[rows["image_id"]].is_unique


def test_sample_takes_everyone_when_there_are_too_few(manifest, labels):
    sample = sample_radiographs(manifest, labels, ["valve"], number=10_000, seed=3)
    positive = manifest.loc[(labels["valve"] == 1).to_numpy(), "patient_id"]
    assert len(sample) == positive.nunique()


def test_sample_depends_on_neither_row_order_nor_other_diagnoses(manifest, labels):
    order = np.random.default_rng(2).permutation(len(manifest))
    both = sample_radiographs(manifest, labels, ["effusion", "valve"], number=30, seed=3)
    alone = sample_radiographs(manifest.iloc[order], labels.iloc[order], ["valve"], number=30, seed=3)
    assert alone["image_id"].tolist() == both.loc[both["diagnosis"] == "valve", "image_id"].tolist()
    assert (
        alone["image_id"].tolist()
        != sample_radiographs(manifest, labels, ["valve"], number=30, seed=4)["image_id"].tolist()
    )


def test_strongest_confounder_of_each_kind():
    planted = pd.DataFrame(
        [
            ("valve", "wires", 0.9),
            ("valve", "pacer", 0.4),
            ("valve", "heart", 0.3),
            ("heart", "pacer", 0.2),
            ("heart", "tube", 0.2),
        ],
        columns=["target", "confounder", "p_b_given_a"],
    )
    kinds = {"wires": "treatment", "pacer": "treatment", "tube": "treatment", "heart": "physiology"}
    assert strongest_confounders(planted, kinds).to_numpy().tolist() == [
        ["heart", "treatment", "pacer"],
        ["valve", "treatment", "wires"],
        ["valve", "physiology", "heart"],
    ]


def test_perfect_readers_repeat_the_labels(manifest, labels):
    template = sample_radiographs(manifest, labels, ["valve", "effusion"], number=30, seed=0)
    ratings = simulate_ratings(template, QUESTIONS, labels, settings(), seed=0)
    assert len(ratings) == 3 * len(template)
    for (diagnosis, confounder), rows in ratings.groupby(["diagnosis", "confounder"]):
        assert (rows["present"].to_numpy() == labels.loc[rows["image_id"], confounder].to_numpy()).all(), diagnosis
    table = reader_table(ratings, "treatment", resamples=20, seed=0)
    assert (table[["fleiss_kappa", "agreement"]] == 1).all(axis=None)


def test_simulated_readers_have_the_sensitivity_and_specificity_asked_for(labels):
    template = pd.DataFrame({"diagnosis": "valve", "image_id": IDS})
    ratings = simulate_ratings(template, QUESTIONS.iloc[:1], labels, settings(0.8, 0.9, readers=40), seed=5)
    truth = labels.loc[ratings["image_id"], "wires"].to_numpy() == 1
    assert ratings["present"][truth].mean() == pytest.approx(0.8, abs=0.02)
    assert ratings["present"][~truth].mean() == pytest.approx(0.1, abs=0.02)
    wide = ratings.pivot(index="image_id", columns="reader", values="present").loc[labels.index[labels["wires"] == 1]]
    off_diagonal = np.corrcoef(wide.to_numpy().T)[~np.eye(40, dtype=bool)]
    assert off_diagonal.mean() == pytest.approx(0.0, abs=0.02)  # readers err independently


def test_table_against_statsmodels_and_counting(ratings):
    table = reader_table(ratings, "treatment", resamples=50, seed=0).set_index("diagnosis")
    assert len(table) == 2
    for diagnosis, row in table.iterrows():
        values = ratings[(ratings["kind"] == "treatment") & (ratings["diagnosis"] == diagnosis)]
        wide = values.pivot(index="image_id", columns="reader", values="present").to_numpy()
        assert row["radiographs"] == 20
        assert row["ratio_percent"] == pytest.approx(100 * wide.sum() / 60)
        assert row["confounder_present"] == wide.sum() // 3
        assert row["fleiss_kappa"] == pytest.approx(reference_kappa(aggregate_raters(wide)[0]))
        assert row["kappa_low"] <= row["fleiss_kappa"] <= row["kappa_high"]
        pairs = [(wide[:, a] == wide[:, b]).mean() for a, b in [(0, 1), (0, 2), (1, 2)]]
        assert row["agreement"] == pytest.approx(np.mean(pairs))


def test_table_does_not_depend_on_the_order_of_the_ratings(ratings):
    shuffled = ratings.sample(frac=1, random_state=0)
    expected = reader_table(ratings, "treatment", resamples=50, seed=0)
    pd.testing.assert_frame_equal(reader_table(shuffled, "treatment", resamples=50, seed=0), expected)
    pd.testing.assert_frame_equal(pairwise_table(shuffled), pairwise_table(ratings))


def test_pairwise_agreement_counts(ratings):
    pairs = pairwise_table(ratings)
    assert pairs["total"].tolist() == [40, 40, 40, 20, 20, 20]
    for row in pairs.itertuples():
        keyed = ratings[ratings["kind"] == row.kind].set_index(["reader", "diagnosis", "image_id"])["present"]
        assert row.agree == (keyed[row.reader_a] == keyed[row.reader_b]).sum()


def test_a_single_radiograph_has_no_kappa(ratings):
    table = reader_table(ratings[ratings["image_id"] == IDS[0]], "treatment", resamples=10, seed=0)
    assert table["fleiss_kappa"].isna().all()
    assert table["ratio_percent"].notna().all()


def test_no_ratings_give_header_only_tables():
    empty = pd.DataFrame(columns=RATING_COLUMNS)
    tables = {"treatment": reader_table(empty, "treatment", resamples=10, seed=0)}
    assert list(tables["treatment"].columns) == TABLE_COLUMNS
    assert tables["treatment"].empty
    assert pairwise_table(empty).empty
    assert study_metrics(empty, tables, pairwise_table(empty), simulated=False) == {"simulated": False, "readers": 0}


def test_metrics(ratings):
    tables = {kind: reader_table(ratings, kind, resamples=10, seed=0) for kind in ("treatment", "physiology")}
    metrics = study_metrics(ratings, tables, pairwise_table(ratings), simulated=True)
    treatment = ratings[ratings["kind"] == "treatment"]
    assert metrics["simulated"] is True
    assert metrics["readers"] == 3
    assert metrics["treatment"]["radiographs"] == 40
    assert metrics["treatment"]["ratio_percent"] == pytest.approx(100 * treatment["present"].mean())


def test_ratings_survive_the_round_trip(ratings, tmp_path):
    path = tmp_path / "ratings.csv"
    ratings.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_ratings(path, IDS).reset_index(drop=True), ratings)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("kind", "habit", "row 9, column 'kind': expected treatment or physiology, found 'habit'"),
        ("present", "2", "row 9, column 'present': expected 0 or 1, found '2'"),
        ("present", "", "row 9, column 'present': expected a value, found ''"),
        (
            "image_id",
            "cohort/none",
            "row 9, column 'image_id': expected an image_id of the manifest, found 'cohort/none'",
        ),
    ],
)
def test_bad_cells_are_refused_by_row(ratings, tmp_path, column, value, message):
    path = tmp_path / "ratings.csv"
    changed = ratings.astype(str)
    changed.loc[7, column] = value
    changed.to_csv(path, index=False)
    with pytest.raises(DataError, match=re.escape(message)):
        read_ratings(path, IDS)


def test_blank_lines_do_not_shift_the_row_numbers(ratings, tmp_path):
    path = tmp_path / "ratings.csv"
    lines = ratings.astype(str).to_csv(index=False).splitlines()
    lines[9] = lines[9][:-1] + "7"
    path.write_text("\n".join([*lines[:3], "", *lines[3:], "", ""]))
    with pytest.raises(DataError, match=r"row 11, column 'present'"):
        read_ratings(path, IDS)


def test_a_second_rating_is_refused_by_row(ratings, tmp_path):
    path = tmp_path / "ratings.csv"
    pd.concat([ratings, ratings.iloc[[4]].assign(present=0)]).to_csv(path, index=False)
    with pytest.raises(DataError, match=rf"row {len(ratings) + 2}, .*one rating per reader"):
        read_ratings(path, IDS)


def test_a_missing_rating_is_refused_by_row(ratings, tmp_path):
    path = tmp_path / "ratings.csv"
    ratings.drop(index=5).to_csv(path, index=False)  # reader c, image 1; readers a and b are rows 5 and 6 of the file
    with pytest.raises(
        DataError, match=r"reader 'c' did not rate 'cohort/001' for 'wires' \('valve'\), which row 5 does"
    ):
        read_ratings(path, IDS)


def test_missing_columns_and_files_are_named(tmp_path):
    path = tmp_path / "ratings.csv"
    with pytest.raises(DataError, match=r"ratings\.csv: no such file"):
        read_ratings(path, IDS)
    path.write_text("reader,image_id\n")
    with pytest.raises(DataError, match="'diagnosis', 'kind', 'confounder', 'present'"):
        read_ratings(path, IDS)
