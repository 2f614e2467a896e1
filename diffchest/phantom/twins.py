"""True twins of PadChest's phantoms: the same patient and exposure, drawn with one finding more or less."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation

from diffchest.compute.workers import spread
from diffchest.contracts.twins import CHANGED, Twins
from diffchest.errors import DataError
from diffchest.findings.hierarchy import generic
from diffchest.images.decoding import decode
from diffchest.images.squares import to_square
from diffchest.phantom.canvas import Image
from diffchest.phantom.layouts.padchest import COLUMNS, pictures
from diffchest.phantom.pictures import Picture, draw_picture, encoded
from diffchest.phantom.registry import plausible
from diffchest.progress import progress

COHORT = "padchest"  # whose layout is known here
SAME = 0.02 / 255  # mean |difference| of two drawings below which they show the same
DIRECTIONS = {True: "added", False: "removed"}


@dataclass(frozen=True)
class Drawing:
    """How twins are drawn: side of the phantoms and of the stored squares (px), the phantoms' seed, placements."""

    size: int
    stored: int
    seed: int
    placements: int


@dataclass(frozen=True, eq=False)
class Drawn:
    """What became of one finding of one radiograph: `outcome` is twins, no_op or implausible; K twins of it.

    placement [K], picture uint8 [K, H, W], mask bool [K, H, W]
    """

    finding: str
    added: bool
    outcome: str
    placement: list[int]
    picture: np.ndarray
    mask: np.ndarray


def as_drawn(table: Path, image_ids: Sequence[str]) -> dict[str, Picture]:
    """How each radiograph was drawn, from the phantom's own label table, whose Labels are those of the dose.

    image_ids: of the manifest, `padchest/<ImageID>`. Raises `DataError` for one that the table lacks.
    """
    if not table.is_file():
        raise DataError(f"{table}: no such table of the phantoms; run `dvc repro phantom`")
    rows = pd.read_csv(table, usecols=list(COLUMNS), dtype={"PatientID": str, "ImageDir": str})
    names = {image_id.removeprefix(f"{COHORT}/"): image_id for image_id in image_ids}
    found = {names[picture.image]: picture for picture in pictures(rows[rows["ImageID"].isin(names)])}
    for image_id in image_ids:
        if image_id not in found:
            raise DataError(f"{table}: no row of {image_id!r}; run `dvc repro phantom ingest@{COHORT}`")
    return found


def draw_twins(
    known: Mapping[str, Picture], asked: Mapping[str, Sequence[tuple[str, bool]]], drawing: Drawing, *, workers: int
) -> tuple[Twins, pd.DataFrame]:
    """Draw the twins that are asked for, and count those left out.

    known: how each radiograph was drawn, see `as_drawn`; asked: by image id, findings and whether each is added (or
    removed). A finding that changes nothing (a generic label under a specific one, or one that is there already), and
    one that the patient's sex does not have, is left out. A placement is kept where its picture is another than those
    before; of what is removed there is one.
    Returns the twins, in the order asked, and a row per finding and direction: finding, direction, radiographs, twins,
    no_op, implausible (the last two of radiographs).
    """
    work = functools.partial(_draw_all, drawing=drawing)
    items = [(known[image_id], list(findings)) for image_id, findings in asked.items()]
    results = progress(spread(work, items, workers=workers), total=len(items), desc="draw twins")
    drawn = [(image_id, one) for image_id, of_image in zip(asked, results, strict=True) for one in of_image]
    return _gathered(drawn, drawing.stored), count_twins([one for _, one in drawn])


def no_twins(size: int) -> Twins:
    """None at all, of pictures [0, size, size]."""
    return _gathered([], size)


def count_twins(drawn: Sequence[Drawn]) -> pd.DataFrame:
    """The table of `draw_twins`."""
    columns = ["finding", "direction", "radiographs", "twins", "no_op", "implausible"]
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for one in drawn:
        row = counts.setdefault((one.finding, DIRECTIONS[one.added]), dict.fromkeys(columns[2:], 0))
        row["radiographs"] += 1
        row[one.outcome] += len(one.placement) if one.outcome == "twins" else 1
    rows = [(*names, *row.values()) for names, row in sorted(counts.items(), key=lambda item: item[0][1])]
    return pd.DataFrame(rows, columns=columns)


def stored_as(image: Image, picture: Picture, size: int) -> np.ndarray:
    """A drawn image as any radiograph is stored: encoded, decoded and resized to uint8 [size, size]."""
    return to_square(decode(encoded(image, picture), bits_stored=picture.bits, invert=picture.inverted), size)


def _draw_all(item: tuple[Picture, list[tuple[str, bool]]], *, drawing: Drawing) -> list[Drawn]:
    """All twins of one radiograph."""
    picture, asked = item
    image = draw_picture(picture, size=drawing.size, seed=drawing.seed)
    square = stored_as(image, picture, drawing.stored)
    return [_draw_one(picture, image, square, finding, added, drawing) for finding, added in asked]


def _draw_one(picture: Picture, image: Image, square: np.ndarray, finding: str, added: bool, drawing: Drawing) -> Drawn:
    none = np.empty((0, *square.shape), dtype=np.uint8)
    if added and not plausible(finding, picture.sex):
        return Drawn(finding, added, "implausible", [], none, none.astype(bool))
    names = {*picture.findings, finding} if added else {*picture.findings}.difference([finding, *generic(finding)])
    other = replace(picture, findings=tuple(sorted(names)))
    different, placements = [image], []  # noise is that of the exposure, the same in all: what differs is the finding
    for placement in range(drawing.placements if added and finding not in picture.findings else 1):
        twin = draw_picture(other, size=drawing.size, seed=drawing.seed, placements={finding: placement})
        if all(np.abs(twin - before).mean() > SAME for before in different):
            different.append(twin)
            placements.append(placement)
    squares = np.array([stored_as(twin, picture, drawing.stored) for twin in different[1:]], dtype=np.uint8)
    squares = squares.reshape(-1, *square.shape)
    outcome = "twins" if placements else "no_op"
    return Drawn(finding, added, outcome, placements, squares, finding_mask(squares, square))


def finding_mask(twins: np.ndarray, radiograph: np.ndarray) -> np.ndarray:
    """Where twins uint8 [K, H, W] differ from the radiograph [H, W] by more than `CHANGED`, and one pixel around."""
    changed = np.abs(twins.astype(np.int16) - radiograph) > CHANGED
    return binary_dilation(changed, np.ones((1, 3, 3))) if len(changed) else changed


def _gathered(drawn: Sequence[tuple[str, Drawn]], size: int) -> Twins:
    none = np.empty((0, size, size), dtype=np.uint8)
    return Twins(
        image_id=[image_id for image_id, one in drawn for _ in one.placement],
        finding=[one.finding for _, one in drawn for _ in one.placement],
        added=np.array([one.added for _, one in drawn for _ in one.placement], dtype=bool),
        placement=np.array([place for _, one in drawn for place in one.placement], dtype=np.int64),
        picture=np.concatenate([none, *(one.picture for _, one in drawn)]),
        mask=np.concatenate([none.astype(bool), *(one.mask for _, one in drawn)]),
    )
