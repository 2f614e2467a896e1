"""Phantoms on which a classifier's shortcut is known, because it was planted: who has what, and the pictures.

A condition deals findings to made-up patients. `independent` deals each by chance. The planted ones give B to a share
of those with A, and to few others: a chest drain where there is a pneumothorax, a lead marker in the corner where
there is an alveolar pattern, a bedside radiograph where there is a laminar atelectasis. The doses of
`phantom.confounding` take the findings of real patients.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from diffchest.compute.parts import Parts
from diffchest.compute.workers import spread
from diffchest.findings.vocabulary import DRAWN
from diffchest.params.phantom import Confounding
from diffchest.phantom import (
    anatomy,
    canvas,
    heart_mediastinum,
    implants,
    lungs,
    pleura,
    registry,
    render,
    skeleton,
    tubes_and_lines,
)
from diffchest.phantom.layouts import padchest
from diffchest.phantom.pictures import Picture, draw_picture
from diffchest.phantom.twins import stored_as
from diffchest.phantom.unconfounded import made_up, shows

Kind = Literal["independent", "drain", "marker", "view", "confounding"]
PLANTED: dict[Kind, tuple[str, str]] = {  # A, and B that goes with it
    "drain": ("pneumothorax", "chest drain tube"),
    "marker": ("alveolar pattern", "corner marker"),
    "view": ("laminar atelectasis", "AP_horizontal"),
}
ELSEWHERE = 0.02  # share of those without A that have B
CHUNK = 128  # pictures a process draws at a time
PART = 1024  # pictures kept at a time
WHITE = 235  # gray level of the marker
CODE = (anatomy, canvas, heart_mediastinum, implants, lungs, pleura, registry, render, skeleton, tubes_and_lines)


@dataclass(frozen=True)
class Condition:
    """How findings are dealt.

    dose: the share of those with A that have B, or that of `phantom.confounding`; elsewhere: of those without A
    """

    kind: Kind
    dose: float | Confounding = 0
    elsewhere: float = ELSEWHERE

    @property
    def name(self) -> str:
        """Of its files: drain-75, confounding-natural, independent."""
        if self.kind == "independent":
            return self.kind
        dose = f"{round(100 * float(self.dose))}" if self.kind in PLANTED else self.dose
        return f"{self.kind}-{dose}"

    @property
    def pair(self) -> tuple[str, str]:
        """A and B, empty where nothing is planted."""
        return PLANTED.get(self.kind, ("", ""))


@dataclass(frozen=True)
class Drawing:
    """How phantoms are drawn: side (px), seed, processes, and where what is drawn stays."""

    size: int
    seed: int
    workers: int
    parts: Parts


@dataclass(frozen=True, eq=False)
class Phantoms:
    """Pictures uint8 [N, S, S], labels bool [N, F] of `DRAWN`, whether B is there bool [N], and patients [N]."""

    pictures: np.ndarray
    labels: np.ndarray
    has_b: np.ndarray
    patients: np.ndarray


def phantoms_of(condition: Condition, number: int, drawing: Drawing, *, table: Path) -> Phantoms:
    """Draw `number` phantoms, or find them; table: PadChest's labels, for the doses of confounding alone."""
    if condition.kind == "confounding":
        people = real_patients(condition.dose, number, seed=drawing.seed, table=table)
        has_b = np.zeros(len(people), dtype=bool)
    else:
        people, has_b = dealt(condition, [made_up(place, seed=drawing.seed) for place in range(number)], drawing.seed)
    pictures = draw(people, drawing, desc=f"draw {condition.name}")
    if condition.kind == "marker":
        pictures[has_b] = with_marker(pictures[has_b])
    labels = np.array([[shows(one.findings, name) for name in DRAWN] for one in people], dtype=bool)
    return Phantoms(pictures, labels, has_b, np.array([one.patient for one in people]))


def real_patients(dose: Any, number: int, *, seed: int, table: Path) -> list[Picture]:
    """Radiographs with the findings that physicians of PadChest saw, devices dealt as `phantom.confounding` says."""
    rows = pd.read_csv(table, usecols=list(padchest.COLUMNS), dtype={"PatientID": str, "ImageDir": str})
    chosen = padchest.choose(rows, labelled=number, pretrain=0, seed=seed)
    return padchest.pictures(chosen if dose == "natural" else padchest.deal_out(chosen, dose, seed=seed))


def dealt(condition: Condition, people: Sequence[Picture], seed: int) -> tuple[list[Picture], np.ndarray]:
    """Give B to some as the condition says; the radiographs, and whether B is there bool [N]."""
    if condition.kind == "independent":
        return list(people), np.zeros(len(people), dtype=bool)
    a, _ = condition.pair
    share = [float(condition.dose) if shows(one.findings, a) else condition.elsewhere for one in people]
    has_b = render.stream(seed, "planted", condition.kind).random(len(people)) < np.array(share)
    return [with_b(one, condition.kind, there=bool(there)) for one, there in zip(people, has_b, strict=True)], has_b


def with_b(one: Picture, kind: Kind, *, there: bool) -> Picture:
    """The same radiograph with B, or without: a drain, or a view (else PA); a marker changes the picture afterwards."""
    _, b = PLANTED[kind]
    if kind == "view":
        return replace(one, view=b if there else "PA")
    if kind == "drain":
        others = {name for name in one.findings if name != b}
        return replace(one, findings=tuple(sorted(others | {b} if there else others)))
    return one


def twins_of(kind: Kind, number: int, drawing: Drawing) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of `number` patients who do not have A: without B, and the same with B; each uint8 [number, S, S]."""
    a, _ = PLANTED[kind]
    candidates = (made_up(place, seed=drawing.seed) for place in range(4 * number))
    people = [one for one in candidates if not shows(one.findings, a)][:number]
    without, having = (
        draw([with_b(one, kind, there=there) for one in people], drawing, desc=f"draw twins of {kind}")
        for there in (False, True)
    )
    return without, with_marker(having) if kind == "marker" else having


def draw(people: Sequence[Picture], drawing: Drawing, *, desc: str = "draw") -> np.ndarray:
    """Pictures uint8 [N, S, S] as the image store would hold them."""
    size, seed = drawing.size, drawing.seed

    def compute(part: slice) -> dict[str, np.ndarray]:
        chosen = people[part]
        chunks = [chosen[start : start + CHUNK] for start in range(0, len(chosen), CHUNK)]
        work = functools.partial(_draw_chunk, size=size, seed=seed)
        none = np.empty((0, size, size), dtype=np.uint8)
        return {"pictures": np.concatenate([none, *spread(work, chunks, workers=drawing.workers)])}

    content = [[repr(one) for one in people], size, seed, *CODE]
    gathered = drawing.parts.gather(compute, len(people), size=PART, content=content, desc=desc)
    assert gathered is not None  # there is one process
    return gathered["pictures"]


def with_marker(pictures: np.ndarray) -> np.ndarray:
    """Pictures uint8 [N, S, S] with a lead letter L in the upper right corner, an eighth of the side high."""
    side = pictures.shape[-1]
    high, thick, edge = side // 8, max(1, side // 32), side // 32
    left, bottom = side - edge - high, edge + high
    marked = pictures.copy()
    marked[:, edge:bottom, left : left + thick] = WHITE
    marked[:, bottom - thick : bottom, left : left + 3 * high // 4] = WHITE
    return marked


def _draw_chunk(chunk: Sequence[Picture], *, size: int, seed: int) -> np.ndarray:
    return np.stack([stored_as(draw_picture(one, size=size, seed=seed), one, size) for one in chunk])
