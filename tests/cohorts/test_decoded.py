"""What is told of the stored squares, counted by hand."""

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.cohorts.decoded import report_decoded
from diffchest.cohorts.equal_squares import equal_squares
from diffchest.images.survey import Survey


def test_counts_histogram_and_sheet_of_each_cohort(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    number = np.arange(80)
    stored = pd.DataFrame({"dataset": np.where(number < 60, "a", "b"), "role": "test", "age": np.nan, "sex": "M"})
    stored["image_id"] = stored["patient_id"] = stored["dataset"] + "/" + pd.Series(number).astype(str)
    stored["view"] = np.where(number % 2, "PA", "")
    stored.loc[5:, "age"] = 60.0
    shares = np.zeros((80, 64), dtype=np.float32)
    shares[number, number % 4] = 1.0
    digests = [bytes([value // 2 if value < 4 else value]) for value in number]
    looked = Survey(
        list(stored["image_id"]), digests, number.astype(np.float32), (100 - number).astype(np.int16), shares
    )
    report_decoded(stored, looked, equal_squares(stored, digests))

    counts = pd.read_csv(paths.table("decoded")).set_index("dataset").loc["a"]
    assert counts[["images", "age_unknown", "sex_unknown", "view_unknown"]].tolist() == [60, 5, 0, 30]
    assert counts[["mean_gray", "gray_levels", "fewest_gray_levels"]].tolist() == [29.5, 70.5, 41]
    assert counts["equal_of_one_patient":"equal_across_roles"].tolist() == [0, 4, 0]
    histogram = pd.read_csv(paths.table("intensities"))
    assert len(histogram) == 2 * 64
    assert histogram.loc[:4, "gray"].tolist() == [0, 4, 8, 12, 16]
    assert histogram.loc[:4, "mean"].tolist() == [0.25, 0.25, 0.25, 0.25, 0.0]
    sheet = pd.read_csv(paths.CONTACT_SHEET).set_index(["dataset", "kind"])["image_id"]
    assert sheet["a", "darkest"].tolist() == [f"a/{value}" for value in range(10)]
    assert sheet["a", "brightest"].tolist() == sheet["a", "fewest grays"].tolist() == [f"a/{59 - k}" for k in range(10)]
    assert sheet["a", "drawn at random"].nunique() == 40
    assert sorted(sheet["b", "drawn at random"]) == [f"b/{value}" for value in range(60, 80)]
