"""The reader study: sampling, simulated ratings, tables 1 and 2, pairs and discordant cases, the command line."""

import json
import runpy
import sys

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from statsmodels.stats.inter_rater import aggregate_raters
from statsmodels.stats.inter_rater import fleiss_kappa as reference_kappa

from diffchest import paths
from diffchest.contracts.labels import write_labels
from diffchest.contracts.manifest import write_manifest
from diffchest.errors import DataError
from diffchest.readers.ratings import RATING_COLUMNS
from diffchest.readers.sampling import sample_radiographs, simulate_ratings
from diffchest.readers.study import (
    DISCORDANT_COLUMNS,
    TABLE_COLUMNS,
    discordant_table,
    main,
    pairwise_table,
    reader_table,
    study_metrics,
    study_tables,
)
from tests.helpers.ratings import IDS, QUESTIONS, simulated_readers, three_readers
from tests.helpers.repository import pipeline_stages


@pytest.fixture
def ratings() -> pd.DataFrame:
    return three_readers()


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


def test_discordant_cases_are_those_that_a_loop_over_the_ratings_finds(ratings):
    said = {}
    for row in ratings.sample(frac=1, random_state=1).itertuples():
        said.setdefault((row.kind, row.diagnosis, row.confounder, row.image_id), {})[row.reader] = row.present
    table = discordant_table(ratings)
    assert list(table.columns) == DISCORDANT_COLUMNS
    assert 0 < len(table) == sum(len(set(answers.values())) == 2 for answers in said.values())
    for *case, present, absent in table.itertuples(index=False):
        answers = said[tuple(case)]
        assert present.split("; ") == [reader for reader in "abc" if answers[reader] == 1]
        assert absent.split("; ") == [reader for reader in "abc" if answers[reader] == 0]
    kinds = table["kind"].tolist()
    assert kinds == sorted(kinds, reverse=True)  # treatment first
    pairs = pairwise_table(ratings)  # three readers: one of three pairs agrees where they are discordant
    assert (pairs["total"] - pairs["agree"]).sum() == 2 * len(table)


def test_tables_say_who_rated(manifest, labels, ratings):
    assert set(reader_table(ratings, "treatment", resamples=10, seed=0)["readers"]) == {"a; b; c"}
    template = sample_radiographs(manifest, labels, ["valve"], number=30, seed=0)
    simulated = simulate_ratings(template, QUESTIONS[:1], labels, simulated_readers(0.8, 0.8, readers=2), seed=0)
    tables = study_tables(simulated, resamples=10, seed=0)
    for name in ("reader_table_1", "reader_pairwise", "reader_discordant"):
        rows = tables[name].to_csv(index=False).splitlines()[1:]
        assert rows, name
        assert all("simulated" in row for row in rows), name


def test_no_ratings_give_header_only_tables():
    empty = pd.DataFrame(columns=RATING_COLUMNS)
    tables = study_tables(empty, resamples=10, seed=0)
    assert all(table.empty for table in tables.values())
    assert list(tables["reader_table_1"].columns) == TABLE_COLUMNS
    assert study_metrics(empty, tables, simulated=False) == {"simulated": False, "readers": 0}


def test_metrics(ratings):
    metrics = study_metrics(ratings, study_tables(ratings, resamples=10, seed=0), simulated=True)
    treatment = ratings[ratings["kind"] == "treatment"]
    assert metrics["simulated"] is True
    assert metrics["readers"] == 3
    assert metrics["treatment"]["radiographs"] == 40
    assert metrics["treatment"]["ratio_percent"] == pytest.approx(100 * treatment["present"].mean())
    votes = treatment.groupby(["diagnosis", "image_id"])["present"].sum()
    assert metrics["treatment"]["discordant"] == votes.isin([1, 2]).sum()


def test_command_line_makes_the_tables_from_ratings_alone(ratings, tmp_path, monkeypatch, capsys):
    path, out = tmp_path / "ratings.csv", tmp_path / "tables"
    ratings.to_csv(path, index=False)
    monkeypatch.chdir(tmp_path)  # where there are neither parameters nor a cohort
    monkeypatch.setattr(sys, "argv", ["reader_study", "ratings.csv"])
    main()
    printed = capsys.readouterr().out
    assert all(f"{name}\n" in printed for name in study_tables(ratings, resamples=10, seed=0))
    assert sorted(tmp_path.iterdir()) == [path]
    monkeypatch.setattr(sys, "argv", ["reader_study", "ratings.csv", "--out", str(out), "--resamples", "50"])
    main()
    for name, table in study_tables(ratings, resamples=50, seed=0).items():
        written = pd.read_csv(out / f"{name}.csv")
        pd.testing.assert_frame_equal(written, table.reset_index(drop=True), rtol=1e-5)


def test_a_changed_ratings_file_reruns_the_stage(root):
    assert (
        "ratings" in pipeline_stages()["reader_study"]["deps"]
    )  # the folder that params.yaml names for them, there in every clone
    assert (root / "ratings" / "README.md").is_file()


@pytest.fixture
def study(tmp_path, root, monkeypatch):
    """A working folder with 40 test radiographs of 40 patients, all of one diagnosis, and a ratings file."""
    monkeypatch.chdir(tmp_path)
    yaml = YAML()
    params = yaml.load(root / "params.yaml")
    ids = [f"padchest/{number:02d}" for number in range(40)]
    labels = pd.DataFrame(1.0, index=ids, columns=params["explain"]["targets"], dtype="float32")
    paths.COHORTS.mkdir(parents=True)
    write_labels(paths.labels("padchest"), labels, blank_is_negative=False, uncertain="zeros")
    manifest = pd.DataFrame({"image_id": ids, "dataset": "padchest", "patient_id": ids, "study_id": "", "source": "x"})
    manifest = manifest.assign(view="PA", sex="F", age=60.0, role="test", bits_stored=0, inverted=False)
    write_manifest(paths.STORED_MANIFEST, manifest)
    three_readers().replace(dict(zip(IDS, ids, strict=False))).to_csv("ratings.csv", index=False)

    def stage(**reader_study):
        params["phantom"]["datasets"] = []
        params["reader_study"] |= reader_study
        yaml.dump(params, tmp_path / "params.yaml")
        runpy.run_path(str(root / "stages" / "reader_study.py"))["main"]()

    return stage


def test_stage_takes_the_ratings_of_real_readers_and_refuses_bad_ones(study, capsys):
    study(per_diagnosis=10)
    assert "80 radiographs of 8 diagnoses, no ratings yet" in capsys.readouterr().out
    template = pd.read_csv(paths.table("reader_template"))
    assert template.groupby("diagnosis")["image_id"].agg(["size", "nunique"]).eq(10).all(axis=None)
    study(ratings="ratings.csv")
    assert "180 ratings" in capsys.readouterr().out
    assert json.loads(paths.stage_metrics("reader_study").read_text())["simulated"] is False
    expected = study_tables(three_readers(), resamples=1000, seed=0)["reader_table_1"]
    found = pd.read_csv(paths.table("reader_table_1"))
    pd.testing.assert_frame_equal(found, expected.reset_index(drop=True), rtol=1e-5)
    pd.read_csv("ratings.csv").replace("padchest/07", "padchest/99").to_csv("ratings.csv", index=False)
    with pytest.raises(DataError, match="row 23, column 'image_id': expected an image_id of the manifest"):
        study(ratings="ratings.csv")
