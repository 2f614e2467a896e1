"""Read one cohort's native tables to manifest rows, labels, study flow and rejections."""

import sys
from typing import Annotated

from diffchest import paths
from diffchest.cohorts.ingest import read_cohort
from diffchest.cohorts.rejected import check_rejected, check_some_present
from diffchest.cohorts.understood import block
from diffchest.contracts.benchmark_readers import write_benchmark_readers
from diffchest.contracts.labels import write_labels
from diffchest.contracts.manifest import COHORT_ROLES, write_manifest
from diffchest.files.tables import write_table
from diffchest.files.whole import whole
from diffchest.params.base import Fraction, Key, StageParams
from diffchest.params.cohorts import Cohort
from diffchest.progress import run, summary


class Params(StageParams):
    """What `ingest` reads of params.yaml."""

    cohort: Annotated[Cohort, Key("cohorts.${item.dataset}")]
    max_rejected_fraction: Annotated[Fraction, Key("cohorts.max_rejected_fraction")]


def main() -> None:
    """Read the cohort named on the command line; stop when too many of its images are rejected."""
    dataset = sys.argv[1]
    params = Params.load(dataset=dataset)
    cohort = read_cohort(dataset, params.cohort)
    report = paths.rejected(dataset)
    write_table(report, cohort.rejected)
    write_table(paths.understood(dataset), cohort.understood)
    text = paths.understood(dataset).with_suffix(".txt")
    lines = block(cohort.understood)
    with whole(text) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    summary(f"ingest {dataset}", "\n".join(["what was understood:", *lines, f"  (again: {text}; rejected: {report})"]))
    check_some_present(cohort.images, cohort.rejected, dataset=dataset, root=params.cohort.root, report=report)
    unlisted = ~cohort.rejected["image_id"].isin(cohort.images["image_id"])
    total = len(cohort.images) + int(unlisted.sum())
    check_rejected(cohort.rejected, {dataset: total}, limit=params.max_rejected_fraction, report=report)
    write_manifest(paths.cohort(dataset), cohort.images.assign(root=params.cohort.root), roles=COHORT_ROLES)
    write_labels(
        paths.labels(dataset),
        cohort.labels,
        blank_is_negative=cohort.blank_is_negative,
        uncertain=params.cohort.uncertain,
        indicators=cohort.indicators,
    )
    write_benchmark_readers(paths.benchmark_readers(dataset), cohort.readers)
    write_table(paths.flow(dataset), cohort.flow)


if __name__ == "__main__":
    run(main)
