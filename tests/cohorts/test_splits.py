"""The split is a function of patients and seed alone."""

import math
import os
import subprocess
import sys

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from diffchest.cohorts.splits import assign_roles, enough_positives, positives_table, split_patients
from tests.helpers.manifests import images

PATIENTS = [f"padchest/{number}" for number in range(24_239)]


def test_sizes_are_the_papers():
    roles = pd.Series(split_patients(PATIENTS, test_fraction=0.3, seed=0))
    assert roles.value_counts().to_dict() == {"finetune": 16_967, "test": 7_272}


@settings(max_examples=30)
@given(
    st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=60).map(sorted),
    st.integers(1, 99),
    st.integers(0, 2**32),
    st.randoms(),
)
def test_split_ignores_order_and_repetition(patients, percent, seed, random):
    roles = split_patients(patients, test_fraction=percent / 100, seed=seed)
    shuffled = [*patients, *patients[:3]]
    random.shuffle(shuffled)
    assert split_patients(shuffled, test_fraction=percent / 100, seed=seed) == roles
    assert list(roles.values()).count("test") == math.ceil(len(patients) * percent / 100 - 1e-9)
    assert set(roles) == set(patients)


def test_split_ignores_the_hash_seed():
    code = (
        "from diffchest.cohorts.splits import split_patients\n"
        "print([p for p, r in sorted(split_patients({str(i) for i in range(50)}, test_fraction=.3, seed=1).items()) if r == 'test'])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_seeds_differ():
    first, second = (split_patients(PATIENTS[:100], test_fraction=0.3, seed=seed) for seed in (0, 1))
    assert first != second


def test_every_image_of_a_patient_has_its_role():
    cohort = images(patient_id=[f"a/{number % 10}" for number in range(40)], role=["probe"] * 30 + ["pretrain"] * 10)
    cohort.loc[30:, "patient_id"] = "a/other"
    split = assign_roles(cohort, test_fraction=0.3, seed=0)
    assert split.groupby("patient_id")["role"].nunique().max() == 1
    assert split[split["role"] == "test"]["patient_id"].nunique() == 3
    assert (split.loc[30:, "role"] == "pretrain").all()


def test_positives_by_role():
    manifest = pd.DataFrame({"image_id": ["a/1", "a/2", "a/3"], "role": ["test", "test", "pretrain"]})
    labels = pd.DataFrame({"A": [1.0, None, -1.0], "B": [1.0, 1.0, 0.0]}, index=["a/1", "a/2", "a/3"])
    table = positives_table("a", manifest, labels).set_index(["finding", "role"])
    assert table.loc[("A", "test"), ["positives", "images"]].tolist() == [1, 1]
    assert table.loc[("B", "test"), ["positives", "images"]].tolist() == [2, 2]
    assert table.loc[("A", "pretrain"), ["positives", "images"]].tolist() == [0, 1]
    assert positives_table("a", manifest, labels[[]]).empty


def test_how_many_findings_have_so_many_positives_in_both_parts():
    rows = [("rare", 0, 5), ("few", 12, 9), ("some", 40, 30), ("many", 500, 100)]
    table = pd.DataFrame(
        [
            (name, role, count)
            for name, *counts in rows
            for role, count in zip(("finetune", "test"), counts, strict=True)
        ],
        columns=["finding", "role", "positives"],
    )
    assert enough_positives(table) == (
        "of 4 labels, by positives in each of finetune and test: 3 have more than 0, 2 have more than 10, "
        "1 have more than 30, 0 have more than 100"
    )
    assert enough_positives(table[table["role"] == "test"]) == ""
