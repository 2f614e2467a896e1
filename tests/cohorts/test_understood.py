"""What ingest says it understood, against counts made by hand, and what it thinks looks wrong."""

import numpy as np
import pandas as pd
import pytest

from diffchest.cohorts.doubts import doubt_ages, doubt_names, doubt_patients
from diffchest.cohorts.ingest import read_cohort
from diffchest.cohorts.understood import FINDING, LOOK, WIDTH, Understood, add_findings, block
from diffchest.files.cells import lateral_views
from diffchest.files.not_understood import Counted
from diffchest.params.cohorts import TableCohort
from tests.helpers.cohort_roots import PHOTO, steps

ROWS = [  # file, patient, view, sex, age, findings, noise
    ("a.jpg", "1", "PA", "M", "40", "Edema|Mass", "x"),
    ("b.jpg", "1", "AP", "M", "41", "Edema", "x"),
    ("c.jpg", "2", "seitlich", "F", "60", "Edema", "x"),
    ("d.jpg", "2", "LL", "F", "60", "Edema", "x"),
    ("e.jpg", "3", "schräg", "q", "1957", "No Finding", "x"),
    ("f.jpg", "4", "PA", "", "80", "", "x"),
    ("g.jpg", "5", "PA", "F", "80", "Mass", "x"),
    ("h.jpg", "", "PA", "F", "80", "Mass", "x"),
]
COLUMNS = ["file", "pid", "view", "sex", "age", "found", "noise"]


@pytest.fixture
def read(tmp_path):
    for row in ROWS:
        if row[0] != "g.jpg":
            (tmp_path / row[0]).write_bytes(PHOTO)
    pd.DataFrame(ROWS, columns=COLUMNS).to_csv(tmp_path / "t.csv", sep=";", index=False)
    section = {"format": "table", "root": str(tmp_path), "table": "t.csv", "image": "file", "patient": "pid"}
    section |= {"view": "view", "sex": "sex", "age": "age", "findings": "found"}
    return lambda **options: read_cohort("own", TableCohort(**(section | options)))


def facts(cohort):
    rows = cohort.understood.replace({pd.NA: None}).to_dict("records")
    return {(row["about"], row["what"]): (row["number"], row["of"], row["example"]) for row in rows}


def test_facts_of_a_table_counted_by_hand(read, capsys):
    cohort = read()
    found = facts(cohort)
    look = {what: value for (about, what), value in found.items() if about == LOOK}
    assert {key: value for key, value in found.items() if key[0] != LOOK} == {
        ("table", "rows of t.csv"): (8, None, "cells separated by semicolons, utf-8"),
        ("columns", "read"): (6, None, "file, pid, view, sex, age, found"),
        ("columns", "not read"): (1, None, "noise"),
        ("patients", "with images that take part"): (4, None, ""),
        ("patients", "with several images"): (1, None, ""),
        ("images", "take part"): (5, 8, ""),
        ("images", "found"): (4, None, ""),
        ("images", "rejected"): (2, None, ""),
        ("left out", "not frontal"): (2, None, "1 LL, 1 seitlich"),
        ("views", "PA"): (3, None, ""),
        ("views", "AP"): (1, None, ""),
        ("views", "schräg"): (1, None, ""),
        ("sex", "M"): (2, None, ""),
        ("sex", "not known"): (2, None, ""),
        ("sex", "F"): (1, None, ""),
        ("age", "known"): (4, 5, "median 60, 40 to 80 years"),  # 40, 41, 80, 80: between 41 and 80
        ("cells", "view: not understood as view"): (1, 8, "such as 'schräg'"),
        ("cells", "sex: blank as sex"): (1, 8, ""),
        ("cells", "sex: not understood as sex"): (1, 8, "such as 'q'"),
        ("cells", "age: not understood as age"): (1, 8, "such as '1957'"),
        ("findings", "in all"): (3, None, ""),
        ("findings", "without any positive"): (0, None, ""),
        ("findings", "images with none assessed"): (1, 4, ""),
        ("findings", "'No Finding' stands for nothing abnormal"): (1, 4, ""),
        (FINDING, "Edema"): (2, 4, "1 negative, 1 not assessed"),
        (FINDING, "Mass"): (1, 4, "2 negative, 1 not assessed"),
        (FINDING, "No Finding"): (1, 4, "2 negative, 1 not assessed"),
        ("rejected", "image is not in the root"): (1, None, "g.jpg"),
        ("rejected", "patient id is empty"): (1, None, "h.jpg"),
    }
    blank, year = look
    assert blank.startswith("column 'found': blank cells and words for nothing are not assessed")
    assert look[blank] == (1, 5, "")
    assert year.startswith("column 'age': '1957' looks like a year")
    assert look[year] == (1, 8, "")
    assert capsys.readouterr().err == ""  # each fact once
    assert steps(cohort)["excluded: not frontal"] == (2, 1)


def test_lateral_views_stay_where_they_are_asked_for(read):
    cohort = read(lateral="keep")
    assert len(cohort.images) == 7
    assert ("left out", "not frontal") not in facts(cohort)
    assert cohort.images["view"].tolist().count("LL") == 1


def test_words_of_lateral_views():
    lateral = ["LL", "rl", "L", "Lateral", "lat.", "left lateral", "seitlich", "LATERAL_x", "Profil"]
    frontal = ["PA", "AP", "AP lateral decubitus", "LLD", "PA/LAT", "schräg", "", "nan", "supine"]
    assert lateral_views(pd.Series(lateral)).tolist() == [True] * len(lateral)
    assert not lateral_views(pd.Series(frontal)).any()


def test_the_block_is_short_aligned_and_holds_every_fact(read):
    table = read().understood
    lines = block(table)
    assert len(lines) <= 25
    assert all(len(line) <= WIDTH for line in lines)
    text = " ".join(" ".join(lines).split())
    assert "patients 4 with images that take part; 1 with several images" in text
    assert "left out 2 not frontal (1 LL, 1 seitlich)" in text
    assert {line[:2] for line in lines} == {"  "}
    findings = [line for line in lines if " of 4; " in line]
    assert len({line.index(" of 4") for line in findings}) == 1


def test_the_ten_most_frequent_findings_and_the_normal_one_are_told():
    labels = pd.DataFrame({f"f{k:02}": [1.0] * k + [0.0] * (12 - k) for k in range(1, 13)})
    labels["No Finding"] = [1.0] + [0.0] * 11
    labels["none"] = [-1.0] * 4 + [np.nan] * 8
    told = Understood()
    add_findings(told, labels, blank_is_negative=False)
    table = told.table("own").set_index("what")
    shown = table[table["about"] == FINDING]
    assert list(shown.index) == [*[f"f{k:02}" for k in range(12, 3, -1)], "No Finding"]
    assert shown["number"].tolist() == [*range(12, 3, -1), 1]
    assert table.loc["in all", "number"] == 14
    assert table.loc["without any positive", ["number", "example"]].tolist() == [1, "none"]


def doubts(ask, *values, **options):
    told = Understood()
    ask(told, *values, **options)
    return told.table("own")[["what", "number", "of"]].to_numpy().tolist()


def test_patients_that_are_images_or_sites():
    persons = pd.Series([str(k // 2) for k in range(40)])
    assert doubts(doubt_patients, persons, column="p") == []
    ((text, number, of),) = doubts(doubt_patients, pd.Series([str(k) for k in range(40)]), column="p")
    assert (text.startswith("column 'p': each image has a patient of its own"), number, of) == (True, 40, 40)
    ((text, number, of),) = doubts(doubt_patients, pd.Series(["north", "south"] * 30), column="p")
    assert ("a patient has 30 images on average" in text, number, of) == (True, 2, 60)
    assert doubts(doubt_patients, pd.Series(["1", "2"]), column="p") == []  # too few to say


@pytest.mark.parametrize(("cell", "word"), [("12.03.1957", "a date"), ("1957-03-12", "a date"), ("1957", "a year")])
def test_dates_of_birth_as_ages(cell, word):
    ((text, number, of),) = doubts(doubt_ages, [Counted("Alter", "age", 9, 1, 7, cell)])
    assert (f"{cell!r} looks like {word}" in text, number, of) == (True, 7, 9)
    assert doubts(doubt_ages, [Counted("Alter", "age", 9, 1, 7, "old"), Counted("sex", "sex", 9, 0, 9, cell)]) == []


def test_a_separator_that_looks_wrong():
    """Of three names every pair is joined by `und`: 6 findings would be 3."""
    counts = dict.fromkeys(("a und b", "a und c", "b und c", "a und b und c", "c und a", "b"), 1)
    ((text, number, of),) = doubts(doubt_names, counts, "|", column="f")
    assert "6 findings with `separator` '|' would be 3 if separated by ' und '" in text
    assert (number, of) == (5, 6)
    assert doubts(doubt_names, {"Fracture, old": 3, "Edema": 4, "Mass": 1}, "|", column="f") == []
    text = {f"report {k}": 1 for k in range(31)}
    ((told, number, of),) = doubts(doubt_names, text, "|", column="f")
    assert ("most findings occur once, such as 'report 0'" in told, number, of) == (True, 31, 31)
    assert doubts(doubt_names, dict.fromkeys(text, 2), "|", column="f") == []


def test_two_names_for_nothing_abnormal_are_told():
    told = Understood()
    labels = pd.DataFrame({"Kein Befund": [1.0, 1, 0, 0], "o.B.": [0.0, 0, 1, 0], "Edema": [0.0, 0, 0, 1]})
    add_findings(told, labels, blank_is_negative=False)
    table = told.table("a")
    ((text, number),) = table.loc[table["about"] == LOOK, ["what", "number"]].to_numpy().tolist()
    assert (text.startswith("'o.B.': another name for nothing abnormal than 'Kein Befund'"), number) == (True, 1)
