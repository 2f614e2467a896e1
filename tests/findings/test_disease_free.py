"""Which radiographs are disease-free, and which finding alone takes the others away, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from diffchest.errors import DataError
from diffchest.findings.disease_free import (
    choose_disease_free,
    disease_free,
    disease_free_table,
    normal_finding,
    removed_alone,
)

NAMES = ["No Finding", "AP view", "edema", "mass"]
LABELS = pd.DataFrame(
    [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 0], [1, 0, 0, 1], [np.nan] * 4],
    columns=NAMES,
    index=list("abcdefg"),
)
ROWS = pd.DataFrame({"image_id": list("abcdefg"), "patient_id": ["p", "p", "q", "r", "s", "t", "u"]})


def test_an_indicator_alone_takes_radiographs_away():
    assert removed_alone(LABELS).to_dict() == {"AP view": 2, "mass": 1}
    assert removed_alone(LABELS.drop(columns="No Finding")).to_dict() == {"AP view": 2, "edema": 1, "mass": 1}


def test_the_table_counts_found_asked_for_and_taken_away():
    table = disease_free_table(LABELS, ROWS["patient_id"], {"explain.radiographs": 16})
    assert list(table.itertuples(index=False, name=None))[:3] == [
        ("candidates", 7, 6),
        ("disease-free", 1, 1),
        ("asked for by explain.radiographs", 16, 16),
    ]
    assert table["what"].tolist()[3:] == ["not disease-free by AP view alone", "not disease-free by mass alone"]
    assert table["radiographs"].tolist()[3:] == [2, 1]


def test_fewer_than_asked_for_are_told_with_what_took_the_others(capsys):
    assert choose_disease_free(ROWS, LABELS, number=16, seed=0, asked_by="explain.radiographs") == ["a"]
    told = capsys.readouterr().err
    assert "explain.radiographs is 16, but only 1 patient(s) have" in told
    assert "AP view 2, mass 1" in told
    choose_disease_free(ROWS, LABELS, number=1, seed=0, asked_by="explain.radiographs")
    choose_disease_free(ROWS, LABELS, number=16, seed=0)
    assert capsys.readouterr().err == ""


def test_where_none_is_left_the_error_says_what_took_them():
    with pytest.raises(DataError, match=r"none of the 3 test radiographs .*: AP view 2, mass 1$"):
        choose_disease_free(ROWS.iloc[[1, 2, 5]], LABELS.iloc[[1, 2, 5]], number=1, seed=0)


def test_nothing_abnormal_has_other_names_in_other_languages():
    labels = pd.DataFrame({"Kein Befund": [1.0, 0.0, 1.0], "Ödem": [0.0, 1.0, 1.0]})
    assert disease_free(labels).tolist() == [True, False, False]
    assert normal_finding(["Ödem", "UNAUFFÄLLIG"]) == "UNAUFFÄLLIG"
    assert normal_finding(["Ödem", "normal variant"]) is None
