"""Which radiographs readers see, and simulated ratings."""

import numpy as np
import pandas as pd
import pytest

from diffchest.readers.sampling import sample_radiographs, simulate_ratings, strongest_confounders
from diffchest.readers.study import reader_table
from tests.helpers.ratings import IDS, QUESTIONS, simulated_readers


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
    ratings = simulate_ratings(template, QUESTIONS, labels, simulated_readers(), seed=0)
    assert len(ratings) == 3 * len(template)
    for (diagnosis, confounder), rows in ratings.groupby(["diagnosis", "confounder"]):
        assert (rows["present"].to_numpy() == labels.loc[rows["image_id"], confounder].to_numpy()).all(), diagnosis
    table = reader_table(ratings, "treatment", resamples=20, seed=0)
    assert (table[["fleiss_kappa", "agreement"]] == 1).all(axis=None)


def test_simulated_readers_have_the_sensitivity_and_specificity_asked_for(labels):
    template = pd.DataFrame({"diagnosis": "valve", "image_id": IDS})
    ratings = simulate_ratings(template, QUESTIONS.iloc[:1], labels, simulated_readers(0.8, 0.9, readers=40), seed=5)
    truth = labels.loc[ratings["image_id"], "wires"].to_numpy() == 1
    assert ratings["present"][truth].mean() == pytest.approx(0.8, abs=0.02)
    assert ratings["present"][~truth].mean() == pytest.approx(0.1, abs=0.02)
    wide = ratings.pivot(index="image_id", columns="reader", values="present").loc[labels.index[labels["wires"] == 1]]
    off_diagonal = np.corrcoef(wide.to_numpy().T)[~np.eye(40, dtype=bool)]
    assert off_diagonal.mean() == pytest.approx(0.0, abs=0.02)  # readers err independently
