"""Squares that look odd: counted for the report, listed for whoever has the images, and told where there are any."""

from collections.abc import Mapping

import pandas as pd

from diffchest import paths
from diffchest.files.tables import write_table
from diffchest.images.inspection import CONSTANT, REMARKS
from diffchest.progress import notice

COLUMNS = ["dataset", "image_id", "source", "remark"]


def report_odd_squares(manifest: pd.DataFrame, reasons: Mapping[str, str], remarks: Mapping[str, str]) -> None:
    """Write `odd_squares.csv`, a row of counts for each cohort, and a list of odd images beside the rejected ones.

    manifest: the images that were to be decoded; reasons: why one was rejected; remarks: what is odd about one that was
    stored; both by image id.
    """
    odd = manifest[manifest["image_id"].isin(remarks)]
    odd = odd.assign(remark=odd["image_id"].map(dict(remarks)))[COLUMNS]
    counts = []
    for name, images in manifest.groupby("dataset"):
        listed = odd[odd["dataset"] == name]
        report = paths.INGEST / f"{name}_odd.csv"
        write_table(report, listed)
        why = images["image_id"].map(dict(reasons)).fillna("")
        found = {f"{kind} (stored)": int(listed["remark"].str.contains(kind, regex=False).sum()) for kind in REMARKS}
        counts.append(
            {
                "dataset": name,
                "stored": int((why == "").sum()),
                f"{CONSTANT} (rejected)": int(why.str.startswith(CONSTANT).sum()),
                **found,
            }
        )
        if len(listed):
            first = listed.iloc[0]
            notice(
                f"{name}: {len(listed):,} stored radiographs look odd, such as {first['image_id']}: {first['remark']}. "
                f"Look at them; a 16-bit PNG may need `bits_stored`, a negative `inverted`. All of them: {report}"
            )
    write_table(paths.table("odd_squares"), pd.DataFrame(counts))
