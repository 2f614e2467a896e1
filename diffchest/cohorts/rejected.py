"""Rejected images: one bad image never stops a run, too many of one cohort do."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from diffchest import paths
from diffchest.contracts.manifest import REJECTED_COLUMNS
from diffchest.contracts.study_flow import decoding_flow
from diffchest.errors import DataError
from diffchest.files.tables import write_table

REASONS_SHOWN = 10
EXAMPLES_SHOWN = 3


def check_rejected(rejected: pd.DataFrame, totals: Mapping[str, int], *, limit: float, report: Path) -> None:
    """Raise `DataError` when more than the fraction `limit` of a cohort's images was rejected.

    `rejected`: columns dataset, reason, detail; `totals`: images per dataset. The message gives the most frequent
    reasons and examples, and names `report`, which lists every rejected image.
    """
    for dataset, images in rejected.groupby("dataset"):
        total = totals[str(dataset)]
        if len(images) <= limit * total:
            continue
        reasons = images["reason"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
        lines = [f"  {count} x {reason}" for reason, count in reasons.head(REASONS_SHOWN).items()]
        lines += _examples(images)
        raise DataError(
            f"{dataset}: {len(images)} of {total} images rejected, more than cohorts.max_rejected_fraction = {limit:g} "
            f"allows. Most frequent reasons:\n" + "\n".join(lines) + f"\nAll of them: {report}. Mend the images, or "
            f"raise cohorts.max_rejected_fraction; with `images: present` absent images are not rejected."
        )


def check_some_present(images: pd.DataFrame, rejected: pd.DataFrame, *, dataset: str, root: str, report: Path) -> None:
    """Raise `DataError` when no image of a cohort is there, with what `rejected` says of the first ones.

    `images`: the cohort's, whose `source` is "" where an image is not there; `report` lists all that are rejected.
    """
    if (images["source"] != "").any():
        return
    rows = len(set(images["image_id"]) | set(rejected["image_id"]))
    lines = [f"{root}: none of the {rows} images of cohort {dataset!r} is there, or can be used"]
    lines += [f"  {count} x {reason}" for reason, count in rejected["reason"].value_counts().items()]
    raise DataError("\n".join([*lines, *_examples(rejected), f"All of them: {report}."]))


def _examples(rejected: pd.DataFrame) -> list[str]:
    """Lines with the details of some rejected images: one of each reason, or the first of the only one."""
    told = rejected[rejected["detail"] != ""]
    shown = told.groupby("reason", sort=False).head(1) if told["reason"].nunique() > 1 else told
    return [f"  {detail}" for detail in shown["detail"].head(EXAMPLES_SHOWN)]


def report_unreadable(
    manifest: pd.DataFrame, reasons: Mapping[str, str], left_out: Mapping[str, str], *, limit: float
) -> None:
    """List what ingest and decoding rejected, by cohort, and the study flow; then stop if decoding rejected too much.

    manifest: the images that were to be decoded; reasons: why one could not be, by image id; left_out: why one that
    could be is not used, which `limit` does not count; limit: see `check_rejected`, which raises.
    """
    unreadable, copies = (_with_reasons(manifest, mapping) for mapping in (reasons, left_out))
    totals = {str(name): len(images) for name, images in manifest.groupby("dataset")}
    reports = {name: paths.INGEST / f"{name}_rejected.csv" for name in totals}
    rejected = pd.concat([pd.read_csv(paths.REJECTED, dtype=str, keep_default_na=False), unreadable, copies])
    for name, report in reports.items():
        write_table(report, rejected[rejected["dataset"] == name].sort_values(["image_id", "reason"]))
    write_table(paths.table("decoding_flow"), decoding_flow(manifest, list(reasons), list(left_out)))
    for name, report in reports.items():  # after every report is written
        check_rejected(unreadable[unreadable["dataset"] == name], totals, limit=limit, report=report)


def _with_reasons(manifest: pd.DataFrame, reasons: Mapping[str, str]) -> pd.DataFrame:
    rows = manifest[manifest["image_id"].isin(reasons)]
    return rows.assign(reason=rows["image_id"].map(dict(reasons)), detail="")[REJECTED_COLUMNS]
