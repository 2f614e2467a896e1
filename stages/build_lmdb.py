"""Every radiograph of the manifest, decoded, resized and padded, in one LMDB file."""

import os
import shutil
from collections.abc import Mapping
from typing import Annotated

import pandas as pd

from diffchest import paths
from diffchest.cohorts.rejected import check_rejected
from diffchest.compute.workers import cluster
from diffchest.contracts.manifest import (
    MANIFEST_COLUMNS,
    REJECTED_COLUMNS,
    TO_DECODE_COLUMNS,
    read_manifest,
    write_manifest,
)
from diffchest.contracts.study_flow import decoding_flow
from diffchest.files.tables import write_table
from diffchest.images.building import StoreRow, build_store, claimed, fingerprint, publish
from diffchest.params.base import Fraction, Key, StageParams
from diffchest.params.images import ImagesParams
from diffchest.params.runtime import RuntimeParams
from diffchest.progress import run, summary

RUNS = paths.RUNS / "build_lmdb"


class Params(StageParams):
    """What `build_lmdb` reads of params.yaml."""

    images: ImagesParams
    max_rejected_fraction: Annotated[Fraction, Key("cohorts.max_rejected_fraction")]
    runtime: RuntimeParams


def main() -> None:
    """Build the store; list unreadable images, and stop when a cohort has too many of them."""
    params = Params.load()
    manifest = read_manifest(paths.MANIFEST, columns=TO_DECODE_COLUMNS)
    folder = {root: os.path.abspath(root) for root in manifest["root"].unique()}
    columns = ["image_id", "root", "source", "bits_stored", "inverted"]
    rows = [
        StoreRow(image_id, folder[root], source, bits, inverted)
        for image_id, root, source, bits, inverted in manifest[columns].itertuples(index=False)
    ]
    options = {"size": params.images.size, "codec": params.images.codec}
    working = RUNS / fingerprint(rows, **options) / "images.lmdb"
    with claimed(RUNS):
        with cluster(params.runtime.backend, params.runtime.scheduler):
            reasons = dict(build_store(rows, working, **options, workers=params.runtime.workers))
        _report(manifest, reasons, limit=params.max_rejected_fraction)
        publish(working, paths.IMAGES)
        stored = manifest.loc[~manifest["image_id"].isin(reasons), MANIFEST_COLUMNS]
        write_manifest(paths.STORED_MANIFEST, stored.reset_index(drop=True))
        shutil.rmtree(RUNS)
    megabytes = paths.IMAGES.stat().st_size / 1e6
    summary("build_lmdb", f"{len(rows) - len(reasons):,} images, {megabytes:,.0f} MB, {len(reasons):,} rejected")


def _report(manifest: pd.DataFrame, reasons: Mapping[str, str], *, limit: float) -> None:
    """List what ingest and decoding rejected, by cohort; then stop if decoding rejected too much of one."""
    unreadable = manifest[manifest["image_id"].isin(reasons)]
    unreadable = unreadable.assign(reason=unreadable["image_id"].map(reasons))[REJECTED_COLUMNS]
    totals = {str(name): len(images) for name, images in manifest.groupby("dataset")}
    reports = {name: paths.INGEST / f"{name}_rejected.csv" for name in totals}
    rejected = pd.concat([pd.read_csv(paths.REJECTED, dtype=str, keep_default_na=False), unreadable])
    for name, report in reports.items():
        write_table(report, rejected[rejected["dataset"] == name].sort_values(["image_id", "reason"]))
    write_table(paths.table("decoding_flow"), decoding_flow(manifest, list(reasons)))
    for name, report in reports.items():  # after every report is written
        decoded = unreadable[unreadable["dataset"] == name]
        check_rejected(decoded, totals, limit=limit, report=report)


if __name__ == "__main__":
    run(main)
