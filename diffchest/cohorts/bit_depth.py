"""Bits stored in a cohort's 16-bit PNG: what the table says, held against what the files hold, or one rule for all."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from diffchest.cohorts.cohort import Cohort
from diffchest.images.bit_depth import brightest_values, fewest_bits
from diffchest.progress import notice

FULL = 16  # bits of a sample of such a file


def settle_bits(dataset: str, cohort: Cohort, root: str | Path, *, of_dicom: bool) -> Cohort:
    """`cohort` with `bits_stored` that hold for its 16-bit PNG, and a notice which they are.

    Where nothing is said, all get the fewest of 8, 10, 12, 14, 16 bits that hold what a sample of them holds. What the
    user said is believed. of_dicom: the table's number is that of the DICOM files that the PNG were made from, and
    whoever made them may have spread the values over 16 bits: they were, where most of a sample exceed it.
    """
    images = cohort.images
    bits = images["bits_stored"].copy()
    present = images[images["source"] != ""]
    for said in sorted({int(number) for number in present["bits_stored"]}):
        if said and not of_dicom:
            continue
        brightest = brightest_values(root, present.loc[present["bits_stored"] == said, "source"].tolist())
        if not brightest:
            continue
        settled = _of_dicom(said, brightest) if said else fewest_bits(brightest)
        bits[images["bits_stored"] == said] = settled
        notice(_told(dataset, said, settled, brightest))
    return replace(cohort, images=images.assign(bits_stored=bits))


def _of_dicom(said: int, brightest: list[int]) -> int:
    """Bits of most of the sample: a few brighter images are damaged, or not of this kind."""
    above = sum(value >= 2**said for value in brightest)
    return FULL if 2 * above > len(brightest) else said


def _told(dataset: str, said: int, settled: int, brightest: list[int]) -> str:
    held = f"{len(brightest)} looked at hold values to {max(brightest)} (half of them to {np.median(brightest):.0f})"
    scale = f"all are divided by {2**settled - 1}"
    if not said:
        return (
            f"{dataset}: 16-bit PNG of which no table says the bits stored: {held}: {settled} bits, {scale}; "
            f"if that is wrong, set `bits_stored` of the cohort"
        )
    if settled != said:
        return f"{dataset}: 16-bit PNG, {said} bits stored in DICOM: {held}: spread over {settled} bits, {scale}"
    return f"{dataset}: 16-bit PNG, {said} bits stored in DICOM: {held}: as stored, {scale}"
