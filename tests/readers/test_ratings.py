"""Reading ratings: every way in which a row can be wrong is refused by its number."""

import re

import pandas as pd
import pytest

from diffchest.errors import DataError
from diffchest.readers.ratings import read_ratings
from tests.helpers.ratings import IDS, three_readers


@pytest.fixture
def ratings() -> pd.DataFrame:
    return three_readers()


def test_ratings_survive_the_round_trip(ratings, tmp_path):
    path = tmp_path / "ratings.csv"
    ratings.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_ratings(path, IDS).reset_index(drop=True), ratings)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("kind", "habit", "row 9, column 'kind': expected treatment or physiology, found 'habit'"),
        ("present", "2", "row 9, column 'present': expected 0 or 1, found '2'"),
        ("present", "yes", "row 9, column 'present': expected 0 or 1, found 'yes'"),
        ("present", "0.5", "row 9, column 'present': expected 0 or 1, found '0.5'"),
        ("present", "", "row 9, column 'present': expected a value, found ''"),
        ("reader", "", "row 9, column 'reader': expected a value, found ''"),
        ("reader", "  ", "row 9, column 'reader': expected a value, found ''"),
        ("image_id", "", "row 9, column 'image_id': expected a value, found ''"),
        ("diagnosis", "", "row 9, column 'diagnosis': expected a value, found ''"),
        ("confounder", "", "row 9, column 'confounder': expected a value, found ''"),
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


def test_a_reader_who_left_out_a_diagnosis_is_refused_by_row(ratings, tmp_path):
    path = tmp_path / "ratings.csv"
    left_out = (ratings["reader"] == "b") & (ratings["diagnosis"] == "effusion")
    ratings[~left_out].to_csv(path, index=False)
    with pytest.raises(DataError, match=r"20 treatment rating\(s\) missing; the first: reader 'b'.*which row 62 does"):
        read_ratings(path, IDS)


def test_a_reader_of_one_kind_needs_not_read_the_other(ratings, tmp_path):
    path = tmp_path / "ratings.csv"
    kept = ratings[(ratings["reader"] != "b") | (ratings["kind"] == "treatment")]
    kept.to_csv(path, index=False)
    assert len(read_ratings(path, IDS)) == len(kept)


def test_any_radiograph_will_do_where_none_are_known(ratings, tmp_path):
    path = tmp_path / "ratings.csv"
    ratings.assign(image_id="elsewhere/" + ratings["image_id"], remark="x").to_csv(path, index=False)
    assert read_ratings(path)["image_id"].str.startswith("elsewhere/cohort/").all()


def test_a_row_that_is_cut_short_is_refused(ratings, tmp_path):
    path = tmp_path / "ratings.csv"
    lines = ratings.to_csv(index=False).splitlines()
    lines[3] = lines[3].rpartition(",")[0]
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"line 4 has 5 cells, the header \(row 1\) 6"):
        read_ratings(path, IDS)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty: cannot be read"), ("reader,Röntgen".encode("latin-1"), "not utf-8 text .* save the table as UTF-8")],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, content, message):
    path = tmp_path / "ratings.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"ratings\.csv: {message}"):
        read_ratings(path, IDS)


def test_missing_columns_and_files_are_named(tmp_path):
    path = tmp_path / "ratings.csv"
    with pytest.raises(DataError, match=r"ratings\.csv: no such file"):
        read_ratings(path, IDS)
    path.write_text("reader,image_id\n")
    with pytest.raises(DataError, match="'diagnosis', 'kind', 'confounder', 'present'"):
        read_ratings(path, IDS)


def test_names_that_differ_by_case_alone_are_refused(ratings, tmp_path):
    path = tmp_path / "ratings.csv"
    ratings.loc[3, "confounder"] = ratings.loc[3, "confounder"].upper()
    ratings.to_csv(path, index=False)
    with pytest.raises(DataError, match=r"column 'confounder': 1 names are spelled in several ways"):
        read_ratings(path, IDS)


def test_readers_spelled_twice_and_a_table_without_ratings_are_refused(ratings, tmp_path):
    path = tmp_path / "ratings.csv"
    first = ratings["reader"].unique()[0]
    numbered = ratings["reader"].where(ratings["reader"] != first, "1").where(ratings["reader"] == first, "01")
    ratings.assign(reader=numbered).to_csv(path, index=False)
    with pytest.raises(DataError, match="column 'reader': 1 readers are spelled in several ways"):
        read_ratings(path, IDS)
    ratings.head(0).to_csv(path, index=False)
    with pytest.raises(DataError, match="a header and no ratings"):
        read_ratings(path, IDS)
