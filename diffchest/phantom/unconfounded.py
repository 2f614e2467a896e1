"""Phantoms without confounding: made-up patients whose findings are dealt independently of each other."""

import functools
from collections.abc import Sequence

import numpy as np

from diffchest.compute.workers import spread
from diffchest.findings.vocabulary import DRAWN
from diffchest.phantom.layouts.padchest import FRONTAL
from diffchest.phantom.pictures import Picture, draw_picture
from diffchest.phantom.registry import SPECIFIC, plausible
from diffchest.phantom.render import stream
from diffchest.phantom.twins import stored_as
from diffchest.progress import progress

PREVALENCE = 0.1  # of each finding, among those who may have it
AGES = (18, 95)
BITS = 12  # stored bits of most radiographs of PadChest
CHUNK = 128  # pictures a process draws at a time


def draw_unconfounded(
    number: int, *, size: int, stored: int, seed: int, workers: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Draw `number` radiographs of as many patients, `size` px, and resize them to `stored` px as any radiograph.

    Sex, age and view are random, and each drawn finding is there with probability `PREVALENCE`, whatever else is.
    Returns pictures uint8 [number, stored, stored], labels bool [number, F], and the F findings. The label says what
    the picture shows: a generic one is present where a specific one is.
    """
    patients = [made_up(place, seed=seed) for place in range(number)]
    chunks = [patients[start : start + CHUNK] for start in range(0, number, CHUNK)]
    work = functools.partial(_draw_chunk, size=size, stored=stored, seed=seed)
    drawn = list(progress(spread(work, chunks, workers=workers), total=len(chunks), desc="draw without confounding"))
    labels = np.array([[shows(patient.findings, name) for name in DRAWN] for patient in patients], dtype=bool)
    none = np.empty((0, stored, stored), dtype=np.uint8)
    return np.concatenate([none, *drawn]), labels.reshape(number, len(DRAWN)), list(DRAWN)


def made_up(number: int, *, seed: int) -> Picture:
    """One patient with a radiograph."""
    name = f"unconfounded {number}"
    rng = stream(seed, name, "patient")
    sex, age, view = str(rng.choice(["F", "M"])), float(rng.integers(*AGES)), str(rng.choice(FRONTAL))
    dealt = rng.random(len(DRAWN)) < PREVALENCE
    findings = tuple(finding for finding, there in zip(DRAWN, dealt, strict=True) if there and plausible(finding, sex))
    return Picture("", name, findings, patient=name, image=name, view=view, sex=sex, age=age, bits=BITS)


def shows(findings: Sequence[str], name: str) -> bool:
    """Whether a picture with these findings shows `name`: itself, or what is a kind of it."""
    return any(finding in findings for finding in (name, *SPECIFIC.get(name, ())))


def _draw_chunk(chunk: Sequence[Picture], *, size: int, stored: int, seed: int) -> np.ndarray:
    return np.stack([stored_as(draw_picture(one, size=size, seed=seed), one, stored) for one in chunk])
