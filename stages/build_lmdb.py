"""Every radiograph of the manifest, decoded, resized and padded, in one LMDB file."""

import os
import shutil
from typing import Annotated

from diffchest import paths
from diffchest.cohorts.decoded import report_decoded
from diffchest.cohorts.equal_squares import (
    check_equal_squares,
    copies_to_leave_out,
    equal_squares,
    report_equal_squares,
)
from diffchest.cohorts.rejected import report_unreadable
from diffchest.compute.workers import cluster
from diffchest.contracts.manifest import MANIFEST_COLUMNS, TO_DECODE_COLUMNS, read_manifest, write_manifest
from diffchest.images.building import build_store, claimed, fingerprint, odd_squares, publish, remove_stale
from diffchest.images.preparing import StoreRow
from diffchest.images.survey import survey
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
    """Build the store and look at it; list odd, unreadable and equal images, and stop where that is too much."""
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
        remove_stale(RUNS, keep=working.parent)
        with cluster(params.runtime.backend, params.runtime.scheduler):
            reasons = dict(build_store(rows, working, **options, workers=params.runtime.workers))
        stored = manifest.loc[~manifest["image_id"].isin(reasons), MANIFEST_COLUMNS]
        looked = survey(working, stored["image_id"].tolist())
        equal = equal_squares(stored, looked.digests)
        left_out = copies_to_leave_out(equal, params.images.equal_squares)
        report_equal_squares(equal)
        report_decoded(manifest, looked, equal, reasons, odd_squares(working))
        report_unreadable(manifest, reasons, left_out, limit=params.max_rejected_fraction)
        check_equal_squares(equal, params.images.equal_squares)
        publish(working, paths.IMAGES)
        stored = stored[~stored["image_id"].isin(left_out)]
        write_manifest(paths.STORED_MANIFEST, stored.reset_index(drop=True))
        shutil.rmtree(RUNS)
    megabytes = paths.IMAGES.stat().st_size / 1e6
    summary("build_lmdb", f"{len(stored):,} images, {megabytes:,.0f} MB, {len(reasons) + len(left_out):,} rejected")


if __name__ == "__main__":
    run(main)
