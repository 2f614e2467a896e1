"""What is told of the stored squares, counted by hand."""

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.cohorts.decoded import report_decoded
from diffchest.cohorts.equal_squares import equal_squares
from diffchest.images.building import StoreRow, build_store, odd_squares
from diffchest.images.survey import Survey, survey
from tests.helpers.cohort_roots import png

RAMP = np.arange(4096).reshape(64, 64)
FILES = {
    "d/black.png": RAMP // 256 + 1,
    "d/constant.png": RAMP * 0 + 9,
    "d/usual.png": RAMP // 16,
    "e/usual.png": RAMP // 16,
}


def test_counts_histogram_and_sheet_of_each_cohort(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    number = np.arange(80)
    stored = pd.DataFrame({"dataset": np.where(number < 60, "a", "b"), "role": "test", "age": np.nan, "sex": "M"})
    stored["source"] = "s"
    stored["image_id"] = stored["patient_id"] = stored["dataset"] + "/" + pd.Series(number).astype(str)
    stored["view"] = np.where(number % 2, "PA", "")
    stored.loc[5:, "age"] = 60.0
    shares = np.zeros((80, 64), dtype=np.float32)
    shares[number, number % 4] = 1.0
    digests = [bytes([value // 2 if value < 4 else value]) for value in number]
    looked = Survey(
        list(stored["image_id"]), digests, number.astype(np.float32), (100 - number).astype(np.int16), shares
    )
    report_decoded(stored, looked, equal_squares(stored, digests), {}, {})

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


def test_odd_squares_from_the_files_to_counts_list_and_notice(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = []
    for name, values in FILES.items():
        file = name.replace("/", "_")
        (tmp_path / file).write_bytes(png(values.astype(np.uint8)))
        rows.append(StoreRow(name, str(tmp_path), file, 0, False))
    store = tmp_path / "w.lmdb"
    reasons = dict(build_store(rows, store, size=64, codec="raw", workers=1))
    assert reasons == {"d/constant.png": "constant: every pixel has the gray level 9 of 255"}
    manifest = pd.DataFrame({"image_id": list(FILES), "patient_id": list(FILES), "source": "s", "role": "test"})
    manifest = manifest.assign(dataset=[name[0] for name in FILES], age=1.0, sex="F", view="PA")
    looked = survey(store, [name for name in FILES if name not in reasons])
    equal = equal_squares(manifest[~manifest["image_id"].isin(reasons)], looked.digests)
    report_decoded(manifest, looked, equal, reasons, odd_squares(store))
    counts = pd.read_csv(paths.table("decoded")).set_index("dataset").loc[:, "images":"nearly_white"]
    assert counts.loc["d"].to_dict() == {
        "images": 2,
        "constant_rejected": 1,
        "few_gray_levels": 1,
        "nearly_black": 1,
        "nearly_white": 0,
    }
    assert counts.loc["e"].tolist() == [1, 0, 0, 0, 0]
    listed = pd.read_csv(paths.INGEST / "d_odd.csv")
    assert listed["image_id"].tolist() == ["d/black.png"]
    assert pd.read_csv(paths.INGEST / "e_odd.csv").empty
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert "d: 1 stored radiographs look odd, such as d/black.png: few gray levels (16 of 256), nearly black" in line
