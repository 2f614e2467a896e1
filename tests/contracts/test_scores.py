"""Score files: the round trip, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from diffchest.contracts.scores import read_scores, write_scores
from diffchest.errors import DataError

IDS = [f"set/{number}" for number in range(5)]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "scores" / "model.parquet"
    scores = np.arange(15.0).reshape(5, 3) - 7
    scores[:, 1] = np.nan
    write_scores(file, scores, model="model", image_ids=IDS, findings=["a", "no head", "b"])
    return file


def test_round_trip_in_the_order_asked_without_empty_findings(path):
    frame = read_scores(path, IDS[::-1])
    assert list(frame.index) == IDS[::-1]
    assert list(frame.columns) == ["a", "b"]
    np.testing.assert_array_equal(frame["a"], [5, 2, -1, -4, -7])


def test_unmatched_images_are_counted_and_named(path):
    with pytest.raises(
        DataError, match=r"no row for 2 of 4 images, such as 'set/8', 'set/9', the file has 3 others, .*expected 100%"
    ):
        read_scores(path, ["set/0", "set/1", "set/9", "set/8"])


def test_duplicates_are_counted_and_named(path):
    frame = pd.read_parquet(path)
    pd.concat([frame, frame.iloc[[2]]]).to_parquet(path)
    with pytest.raises(DataError, match=r"1 duplicated image ids, such as 'set/2'"):
        read_scores(path, IDS)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_named(path, value):
    frame = pd.read_parquet(path)
    frame.loc[3, "b"] = value
    frame.to_parquet(path)
    with pytest.raises(DataError, match=r"1 values are NaN or infinite, the first is 'b' of 'set/3'"):
        read_scores(path, IDS)


def test_missing_file_and_missing_column(path, tmp_path):
    with pytest.raises(DataError, match=r"other\.parquet: no such file"):
        read_scores(tmp_path / "other.parquet", IDS)
    pd.read_parquet(path).rename(columns={"image_id": "id"}).to_parquet(path)
    with pytest.raises(DataError, match="no column `image_id`"):
        read_scores(path, IDS)


def test_csv_is_read_and_images_outside_the_test_set_are_counted(path, tmp_path, capsys):
    table = tmp_path / "scores.csv"
    table.write_text("image_id,effusion\n001,0.5\n002,-3\n003,7\n")
    scores = read_scores(table, ["003", "001"])
    assert scores["effusion"].tolist() == [7, 0.5]
    assert "1 scored images are not in the test set, such as '002'" in capsys.readouterr().err


def test_text_in_place_of_a_score_is_named(tmp_path):
    table = tmp_path / "scores.csv"
    table.write_text("image_id,effusion\n001,high\n")
    with pytest.raises(DataError, match=r"scores\.csv: column 'effusion' holds 'high'; expected numbers"):
        read_scores(table, ["001"])
