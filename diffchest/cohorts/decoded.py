"""What was decoded is looked at: odd squares, a contact sheet, histograms of the gray levels, what is not known."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.cohorts.equal_squares import EQUAL_COLUMNS
from diffchest.contracts.decoded import BIN, HISTOGRAM_COLUMNS, KINDS, PERCENTILES, SAMPLE, SHEET_COLUMNS
from diffchest.files.tables import write_table
from diffchest.images.inspection import CONSTANT, REMARKS
from diffchest.images.survey import Survey
from diffchest.progress import notice

SEED = 0  # of the squares drawn at random
ODD_COLUMNS = ["dataset", "image_id", "source", "remark"]
REMARK_COLUMNS = {remark: remark.replace(" ", "_") for remark in REMARKS}


def report_decoded(
    manifest: pd.DataFrame, looked: Survey, equal: pd.DataFrame, reasons: Mapping[str, str], remarks: Mapping[str, str]
) -> None:
    """Write what is known of the squares of each cohort, their histogram, and which of them the contact sheet shows.

    Odd ones are also listed beside the rejected images, and told. manifest: the images that were to be decoded, of
    which `looked` has the stored ones in this order; equal: see `equal_squares`; reasons: why one was rejected,
    remarks: what is odd about a stored one, both by image id.
    """
    constant = {image_id for image_id, reason in reasons.items() if reason.startswith(CONSTANT)}
    stored = manifest[~manifest["image_id"].isin(reasons)]
    sheets, histograms, counts = [], [], []
    for name, rows in stored.reset_index(drop=True).groupby("dataset", sort=False):
        places = rows.index.to_numpy()
        mean, levels = looked.mean[places], looked.levels[places]
        sheets.append(_sheet(rows["image_id"].to_numpy(), mean, levels).assign(dataset=name))
        histograms.append(_histogram(looked.shares[places]).assign(dataset=name))
        same = equal[equal["dataset"] == name]
        counts.append(
            {
                "dataset": name,
                "images": len(rows),
                "constant_rejected": int(manifest.loc[manifest["dataset"] == name, "image_id"].isin(constant).sum()),
                **_odd(str(name), rows, remarks),
                "age_unknown": int(rows["age"].isna().sum()),
                "sex_unknown": int((rows["sex"] == "").sum()),
                "view_unknown": int((rows["view"] == "").sum()),
                "mean_gray": float(np.median(mean)),
                "gray_levels": float(np.median(levels)),
                "fewest_gray_levels": int(levels.min()),
                **{column: int((same["equal"] == kind).sum()) for kind, column in EQUAL_COLUMNS.items()},
            }
        )
    write_table(paths.CONTACT_SHEET, _together(sheets, SHEET_COLUMNS))
    write_table(paths.table("intensities"), _together(histograms, HISTOGRAM_COLUMNS))
    write_table(paths.table("decoded"), pd.DataFrame(counts))


def _odd(name: str, stored: pd.DataFrame, remarks: Mapping[str, str]) -> dict[str, int]:
    """How many squares of a cohort have each remark; all with one are listed, and an example is told."""
    odd = stored[stored["image_id"].isin(remarks)]
    odd = odd.assign(remark=odd["image_id"].map(dict(remarks)))[ODD_COLUMNS]
    report = paths.INGEST / f"{name}_odd.csv"
    write_table(report, odd)
    if len(odd):
        first = odd.iloc[0]
        notice(
            f"{name}: {len(odd):,} stored radiographs look odd, such as {first['image_id']}: {first['remark']}. "
            f"Look at them; a 16-bit PNG may need `bits_stored`, a negative `inverted`. All of them: {report}"
        )
    said = odd["remark"].astype(str).str
    return {column: int(said.contains(remark, regex=False).sum()) for remark, column in REMARK_COLUMNS.items()}


def _together(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(frames)[columns] if frames else pd.DataFrame(columns=columns)


def _sheet(image_ids: np.ndarray, mean: np.ndarray, levels: np.ndarray) -> pd.DataFrame:
    """The squares to show of one cohort: kind, image_id."""
    sample = np.random.default_rng(SEED).permutation(len(image_ids))[: KINDS[SAMPLE]]
    extremes = {"darkest": mean, "brightest": -mean, "fewest grays": levels}
    orders = {SAMPLE: np.sort(sample), **{kind: np.argsort(by, kind="stable") for kind, by in extremes.items()}}
    chosen = {kind: image_ids[order[: KINDS[kind]]] for kind, order in orders.items()}
    return pd.concat([pd.DataFrame({"kind": kind, "image_id": ids}) for kind, ids in chosen.items()])


def _histogram(shares: np.ndarray) -> pd.DataFrame:
    low, high = np.percentile(shares, PERCENTILES, axis=0)
    gray = BIN * np.arange(shares.shape[1])
    return pd.DataFrame({"gray": gray, "mean": shares.mean(axis=0, dtype=np.float64), "low": low, "high": high})
