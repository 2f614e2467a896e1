"""Which test radiographs are moved towards which findings, and which of them the figures show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from diffchest.contracts.dataset import Dataset
from diffchest.errors import DataError
from diffchest.findings.disease_free import choose_disease_free, choose_one_per_patient, choose_with_finding
from diffchest.near_names import near_names
from diffchest.params.counterfactuals import ExplainParams, Towards
from diffchest.progress import notice


@dataclass(frozen=True)
class Chosen:
    """Image ids of what is drawn: `measured` with their targets, `shown` in the figures, and `reconstructed`.

    other: radiographs with their targets that are moved the `other_way`, few for each.
    """

    measured: list[tuple[list[str], list[str]]]
    shown: list[str]
    reconstructed: list[str]
    other: list[tuple[list[str], list[str]]]
    other_way: Towards


def choose(dataset: Dataset, targets: Sequence[str], measured: Sequence[str], settings: ExplainParams) -> Chosen:
    """Choose test radiographs as the `explain` section says; errors as `choose_radiographs`.

    targets: what the figures show; measured: the targets of the numbers, which hold them.
    """
    test, seed = dataset.rows("test"), settings.seed
    # who may have a disease is not disease-free, and who may not have the finding cannot be moved away from it
    cautious = {
        "presence": dataset.labels("test", uncertain="ones"),
        "absence": dataset.labels("test", uncertain="zeros"),
    }
    groups = choose_radiographs(test, cautious[settings.towards], measured, settings)
    shown = settings.image_ids or choose_shown(
        [(names, ids) for names, ids in groups if set(names) & set(targets)], settings.patients, seed=seed
    )
    other_way: Towards = "absence" if settings.towards == "presence" else "presence"
    few = settings.turned(other_way).model_copy(update={"radiographs": settings.both_ways})
    other = []
    if settings.both_ways and not settings.image_ids:
        try:
            other = choose_radiographs(test, cautious[other_way], measured, few)
        except DataError as error:  # the other way is a check of the first, and can do without
            notice(f"explain.both_ways: none is moved towards {other_way}: {error}")
    reconstructed = choose_one_per_patient(test, number=settings.reconstructions, seed=seed)
    return Chosen(groups, shown, reconstructed, other, other_way)


def choose_radiographs(
    test: pd.DataFrame, labels: pd.DataFrame, targets: Sequence[str], settings: ExplainParams
) -> list[tuple[list[str], list[str]]]:
    """Which test radiographs are moved towards which targets: pairs of targets and image ids.

    test: manifest rows; labels: theirs, in the same order. Towards presence, disease-free radiographs of
    `settings.radiographs` patients serve all targets; away from a finding, those of patients with it. A target that no
    radiograph has is left out, with a notice. `settings.image_ids` come before both. Raises `DataError` when there is
    no radiograph.
    """
    if settings.image_ids:
        return [(list(targets), list(settings.image_ids))]
    number, seed = settings.radiographs, settings.seed
    if settings.towards == "presence":
        return [
            (list(targets), choose_disease_free(test, labels, number=number, seed=seed, asked_by="explain.radiographs"))
        ]
    chosen = {target: choose_with_finding(test, labels, target, number=number, seed=seed) for target in targets}
    if not any(chosen.values()):
        raise DataError(
            f"nothing can be moved towards absence: none of the {len(test)} test radiographs has any of "
            f"{list(targets)}; name other explain.targets"
        )
    for target in (target for target, ids in chosen.items() if not ids):
        notice(f"no test radiograph has {target!r}: nothing to move away from it")
    return [([target], ids) for target, ids in chosen.items() if ids]


def choose_shown(groups: Sequence[tuple[list[str], list[str]]], number: int, *, seed: int) -> list[str]:
    """`number` image ids for the figures, drawn by seed from each group of `choose_radiographs` in turn."""
    shuffled = [list(np.random.default_rng(seed).permutation(ids)) for _, ids in groups]
    turns = [ids[turn] for turn in range(max(map(len, shuffled))) for ids in shuffled if turn < len(ids)]
    return [str(image_id) for image_id in dict.fromkeys(turns)][:number]


def check_image_ids(image_ids: list[str], manifest: pd.DataFrame) -> None:
    """Raise `DataError` for an id of `explain.image_ids` that the manifest lacks, with the near ones."""
    known = set(manifest["image_id"])
    for image_id in image_ids:
        if image_id not in known:
            near = near_names(image_id, sorted(known))
            hint = f"near ids: {', '.join(near)}" if near else f"ids look like {manifest['image_id'].iloc[0]!r}"
            raise DataError(f"explain.image_ids: {image_id!r} is not in the manifest; {hint}")
