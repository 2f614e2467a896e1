"""The label files of a cohort: uncertain and blank cells, and what any cell of a table may say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffchest.contracts.labels import BLANKS, CODES, load_indicators, load_labels, parse_codes, write_labels
from diffchest.errors import DataError


@pytest.mark.parametrize(("policy", "uncertain"), [("zeros", 0.0), ("ones", 1.0), ("ignore", np.nan)])
@pytest.mark.parametrize(("blank_is_negative", "blank"), [(True, 0.0), (False, np.nan)])
def test_label_policies(tmp_path, policy, uncertain, blank_is_negative, blank):
    labels = pd.DataFrame({"A": [1.0, -1.0], "B": [np.nan, 0.0]}, index=["x/1", "x/2"], dtype="float32")
    path = tmp_path / "labels.parquet"
    write_labels(path, labels, blank_is_negative=blank_is_negative, uncertain=policy)
    read = load_labels(path, ["x/2", "x/1"])
    expected = pd.DataFrame({"A": [uncertain, 1.0], "B": [0.0, blank]}, index=["x/2", "x/1"], dtype="float32")
    pd.testing.assert_frame_equal(read, expected, check_names=False)
    for asked, code in (("zeros", 0.0), ("ones", 1.0)):  # a reader may be more cautious than the file
        assert load_labels(path, ["x/2"], uncertain=asked).loc["x/2", "A"] == code
    with pytest.raises(DataError, match="'x/3'"):
        load_labels(path, ["x/3"])


def test_the_file_says_which_labels_are_indicators(tmp_path):
    labels = pd.DataFrame({"A": [1.0], "AP view": [0.0]}, index=["x/1"], dtype="float32")
    path = tmp_path / "labels.parquet"
    write_labels(path, labels, blank_is_negative=False, uncertain="zeros", indicators=["AP view"])
    assert load_indicators(path) == {"AP view"}
    write_labels(path, labels, blank_is_negative=False, uncertain="zeros")
    assert load_indicators(path) == set()
    labels.rename_axis("image_id").reset_index().to_parquet(path)
    with pytest.raises(DataError, match="does not say which labels are indicators; run `dvc repro ingest` again"):
        load_indicators(path)


def test_a_label_file_without_a_policy_is_refused(tmp_path):
    pd.DataFrame({"image_id": ["x/1"], "A": [1.0]}).to_parquet(tmp_path / "labels.parquet")
    with pytest.raises(DataError, match="does not say what an uncertain label counts as; run `dvc repro ingest`"):
        load_labels(tmp_path / "labels.parquet", ["x/1"])


@given(st.text(max_size=40))
def test_any_label_cell_is_read_or_refused(cell):
    """Whatever a cell holds, parsing gives one of the four codes or an error that shows the cell."""
    column = pd.Series([cell], name="x")
    if cell.strip().lower() in (*CODES, *BLANKS):
        assert parse_codes(column, where="t.csv")[0] in (0.0, 1.0, -1.0) or cell.strip().lower() in BLANKS
    else:
        with pytest.raises(DataError, match=r"t\.csv: column 'x', row 2"):
            parse_codes(column, where="t.csv")
