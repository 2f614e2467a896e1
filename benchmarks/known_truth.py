"""The truth about classifiers with known answers: phantoms drawn again with each finding, or what was planted, alone.

Nobody was trained on these patients.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.known_phantoms import Condition, dealt, real_patients, with_b, with_marker
from diffchest.contracts.classifier import Classifier
from diffchest.contracts.twin_scores import TwinScores
from diffchest.findings.vocabulary import DRAWN
from diffchest.phantom.pictures import Picture, draw_picture
from diffchest.phantom.twins import Drawing, draw_twins, stored_as
from diffchest.phantom.unconfounded import made_up, shows

SEED = 2  # classifiers were trained on phantoms of seed 0, and their planted effect was measured on those of 1
PLACEMENTS = 2  # of a finding that is put in


@dataclass(frozen=True, eq=False)
class KnownTruth:
    """P radiographs, and twins of each with every finding put in, or taken out.

    findings [F]: `DRAWN`, and B of the condition where it is none of them; present bool [P, F]; original uint8
    [P, S, S]; twin uint8 [M, S, S]; twin_id [M]: `radiograph|finding|placement`
    """

    image_id: list[str]
    findings: list[str]
    present: np.ndarray
    original: np.ndarray
    twin_id: list[str]
    twin: np.ndarray

    def scores(self, classifier: Classifier) -> TwinScores:
        """What a classifier says of them: its truth, for `audit.cace`."""
        return TwinScores(
            outputs=list(classifier.outputs),
            image_id=self.image_id,
            findings=self.findings,
            present=self.present,
            logits_original=classifier.logits(self.original),
            twin_id=self.twin_id,
            logits_twin=classifier.logits(self.twin),
        )


def people_of(condition: Condition, number: int, *, seed: int, table: Path) -> tuple[list[Picture], np.ndarray]:
    """How the radiographs of a condition are drawn, and which have B bool [number]; nothing is drawn yet."""
    if condition.kind == "confounding":
        people = real_patients(condition.dose, number, seed=seed, table=table)
        return people, np.zeros(len(people), dtype=bool)
    return dealt(condition, [made_up(place, seed=seed) for place in range(number)], seed)


def true_twins(condition: Condition, number: int, *, size: int, table: Path, trained_on: Sequence[str]) -> KnownTruth:
    """Draw `number` radiographs and all their twins.

    Half have what was planted, with A or without. The findings of the others are dealt by chance, or those of real
    patients who are not among `trained_on`, a radiograph each.
    """
    if condition.kind == "confounding":
        several, _ = people_of(condition, 30 * number, seed=SEED, table=table)
        first = {one.patient: one for one in reversed(several) if one.patient not in set(trained_on)}
        people, has_b = list(first.values())[:number], np.zeros(number, dtype=bool)
    else:
        even = Condition(condition.kind, 0.5, elsewhere=0.5)
        people, has_b = people_of(even, number, seed=SEED, table=table)
    known = {one.image: one for one in people}
    there = np.array([[shows(one.findings, name) for name in DRAWN] for one in people], dtype=bool)
    asked = {
        image: [(name, not has) for name, has in zip(DRAWN, row, strict=True)]
        for image, row in zip(known, there.tolist(), strict=True)
    }
    drawing = Drawing(size, size, SEED, PLACEMENTS)
    twins, _ = draw_twins(known, asked, drawing, workers=1)
    original = np.stack([_drawn(one, size) for one in people])
    ids, pictures = twins.ids, twins.picture
    findings, (_, b) = list(DRAWN), condition.pair
    if condition.kind == "marker":
        marked = dict(zip(known, has_b, strict=True))
        rows = np.array([marked[name] for name in twins.image_id])
        pictures = np.where(rows[:, None, None], with_marker(pictures), pictures)
        other = np.where(has_b[:, None, None], original, with_marker(original))
        original = np.where(has_b[:, None, None], with_marker(original), original)
    elif condition.kind == "view":
        turned = [with_b(one, "view", there=not has) for one, has in zip(people, has_b, strict=True)]
        other = np.stack([_drawn(one, size) for one in turned])
    if b and b not in DRAWN:
        findings, there = [*findings, b], np.column_stack([there, has_b])
        ids, pictures = [*ids, *(f"{image}|{b}|0" for image in known)], np.concatenate([pictures, other])
    return KnownTruth(list(known), findings, there, original, ids, pictures)


def rows_of(people: Sequence[Picture], condition: Condition) -> pd.DataFrame:
    """The manifest's columns that the audit's regression reads; the view is left out where it is what was planted."""
    known = people if condition.kind != "view" else [replace(one, view="") for one in people]
    columns = {"patient_id": "patient", "view": "view", "sex": "sex", "age": "age"}
    return pd.DataFrame({name: [getattr(one, column) for one in known] for name, column in columns.items()})


def _drawn(one: Picture, size: int) -> np.ndarray:
    return stored_as(draw_picture(one, size=size, seed=SEED), one, size)
