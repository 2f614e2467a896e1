"""Odd squares, from the files to the tables of the report."""

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.cohorts.odd_squares import report_odd_squares
from diffchest.images.building import StoreRow, build_store, odd_squares
from tests.helpers.cohort_roots import png

RAMP = np.arange(4096).reshape(64, 64)
FILES = {
    "d/black.png": RAMP // 256 + 1,
    "d/constant.png": RAMP * 0 + 9,
    "d/usual.png": RAMP // 16,
    "e/usual.png": RAMP // 16,
}


def test_counts_lists_and_notice(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = []
    for name, values in FILES.items():
        file = name.replace("/", "_")
        (tmp_path / file).write_bytes(png(values.astype(np.uint8)))
        rows.append(StoreRow(name, str(tmp_path), file, 0, False))
    store = tmp_path / "w.lmdb"
    reasons = dict(build_store(rows, store, size=64, codec="raw", workers=1))
    assert reasons == {"d/constant.png": "constant: every pixel has the gray level 9 of 255"}
    manifest = pd.DataFrame({"image_id": list(FILES), "source": "s"}).assign(dataset=[name[0] for name in FILES])
    report_odd_squares(manifest, reasons, odd_squares(store))
    counts = pd.read_csv(paths.table("odd_squares")).set_index("dataset")
    assert counts.loc["d"].to_dict() == {
        "stored": 2,
        "constant (rejected)": 1,
        "few gray levels (stored)": 1,
        "nearly black (stored)": 1,
        "nearly white (stored)": 0,
    }
    assert counts.loc["e"].tolist() == [1, 0, 0, 0, 0]
    listed = pd.read_csv(paths.INGEST / "d_odd.csv")
    assert listed["image_id"].tolist() == ["d/black.png"]
    assert pd.read_csv(paths.INGEST / "e_odd.csv").empty
    (line,) = capsys.readouterr().err.splitlines()
    assert "d: 1 stored radiographs look odd, such as d/black.png: few gray levels (16 of 256), nearly black" in line
