"""Score files: the round trip, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from diffchest.contracts.scores import match_images, read_scores, write_scores
from diffchest.errors import DataError
from diffchest.evaluation.test_set import TestSet

IDS = [f"set/{number}" for number in range(5)]
MANY = [f"set/{number}" for number in range(200)]


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
    table.write_text("image_id,effusion\n001,0.5\n002,high\n")
    with pytest.raises(DataError, match=r"scores\.csv: column 'effusion' holds 'high' for '002'; expected numbers"):
        read_scores(table, ["001", "002"])


@pytest.fixture(scope="module")
def test_set():
    y = np.random.default_rng(0).random((len(MANY), 2)) < 0.4
    labels = pd.DataFrame(y * 1.0, columns=["edema", "mass"], index=pd.Index(MANY, name="image_id"))
    return TestSet.choose(labels, np.arange(len(MANY)) // 2, positives_above=20)


@pytest.fixture(scope="module")
def scores(test_set):
    """Of two models: one of all images, one of 150 in another order."""
    rng = np.random.default_rng(1)
    ours, theirs = (1 / (1 + np.exp(-test_set.labels - rng.normal(size=(len(MANY), 2)))) for _ in range(2))
    return ours, theirs.iloc[rng.permutation(len(MANY))[:150]]


def test_unscored_images_are_counted_and_too_few_scores_refused(tmp_path, scores, capsys):
    path = tmp_path / "theirs.csv"
    scores[1].to_csv(path)
    assert read_scores(path, MANY, min_scored=0.75).index.tolist() == [name for name in MANY if name in scores[1].index]
    assert "theirs.csv: no scores for 50 of 200 test images, such as 'set/" in capsys.readouterr().err
    message = r"theirs\.csv: no row for 50 of 200 images.* expected 80% .* lower evaluation\.min_scored"
    with pytest.raises(DataError, match=message):
        read_scores(path, MANY, min_scored=0.8)
    with pytest.raises(DataError, match=r"no row for 2 of 2 images, such as 'x', 'y', the file has 150 others"):
        match_images(scores[1].index, ["y", "x"], source=path, least=0.0)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_damaged_table_is_named(tmp_path, suffix):
    path = tmp_path / f"scores.{suffix}"
    path.write_bytes(b"")
    with pytest.raises(DataError, match=rf"scores\.{suffix}: empty: cannot be read as a table"):
        read_scores(path, MANY)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=rf"scores\.{suffix}: cannot be read as a table \(.*; copy it again"):
        read_scores(path, MANY)


def test_columns_that_are_no_finding_are_left_out_whatever_they_hold(tmp_path, capsys):
    path = tmp_path / "theirs.csv"
    pd.DataFrame({"image_id": MANY, "edema": 0.5, "patient": "x", "age": np.nan}).to_csv(path, index=False)
    assert read_scores(path, MANY, findings=["edema", "mass"]).columns.tolist() == ["edema"]
    assert "2 columns that are no finding of the labels, such as 'patient'" in capsys.readouterr().err
    with pytest.raises(
        DataError, match=r"theirs\.csv: none of its columns, .* is a finding of the labels, such as \['oedema'"
    ):
        read_scores(path, MANY, findings=["oedema"])
    with pytest.raises(DataError, match="column 'edema' and the finding 'Edema' of the labels differ by case"):
        read_scores(path, MANY, findings=["Edema"])


def test_scores_keep_their_precision(tmp_path):
    close = 1 - 10.0 ** -np.arange(5, 15)
    write_scores(tmp_path / "a.parquet", close[:, None], model="a", image_ids=MANY[:10], findings=["edema"])
    assert read_scores(tmp_path / "a.parquet", MANY[:10])["edema"].nunique() == 10


def test_ids_that_are_numbers_in_parquet_are_those_of_text(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"image_id": [7, 12], "edema": [0.1, 0.2]}).to_parquet(path)
    assert read_scores(path, ["12", "7"])["edema"].tolist() == [0.2, 0.1]
    with pytest.raises(DataError, match=r"1 of them are equal up to leading zeros .*: '7' and '007'"):
        read_scores(path, ["007", "x"], min_scored=0.1)


def test_an_index_that_holds_the_ids_is_a_column_and_no_other_index_is_a_score(tmp_path, capsys):
    path = tmp_path / "a.parquet"
    table = pd.DataFrame({"edema": [0.1, 0.2]}, index=pd.MultiIndex.from_arrays([["a", "b"], [5, 6]]))
    table.rename_axis(["image_id", "row"]).to_parquet(path)
    assert read_scores(path, ["a", "b"]).columns.tolist() == ["edema"]
    assert "or an index: 'row'; left out" in capsys.readouterr().err
    table.to_parquet(path)
    with pytest.raises(
        DataError, match=r"no column `image_id` .* its pandas index has no name.*rename_axis\('image_id"
    ):
        read_scores(path, ["a", "b"])


def test_words_for_none_are_no_images(tmp_path):
    (tmp_path / "a.csv").write_text("image_id,edema\na,1\nnan,2\n")
    with pytest.raises(DataError, match="1 rows name no image: the first, after 1 others, has the image id 'nan'"):
        read_scores(tmp_path / "a.csv", ["a"])
