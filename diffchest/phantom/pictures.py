"""From a list of pictures to draw to zip files, in parallel and with the same bytes for any number of processes."""

import functools
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from diffchest.compute.workers import spread
from diffchest.files.whole import whole
from diffchest.phantom.canvas import Image
from diffchest.phantom.render import draw
from diffchest.progress import progress

CHUNK = 128  # pictures a process draws at a time


@dataclass(frozen=True)
class Picture:
    """One radiograph to draw; `bits` None means 8-bit JPEG, otherwise a 16-bit PNG that stores so many bits."""

    archive: str
    member: str
    findings: tuple[str, ...]
    patient: str
    image: str
    view: str
    sex: str
    age: float
    bits: int | None = None
    inverted: bool = False


def png(image: Image, bits: int, *, inverted: bool = False) -> bytes:
    """Encode an image [H, W] in [0, 1] as 16-bit PNG whose values span `bits` bits; MONOCHROME1 is `inverted`."""
    values = np.round((1 - image if inverted else image) * np.float32(2**bits - 1)).astype(np.uint16)
    return _encode(PillowImage.fromarray(values), format="PNG", compress_level=1)


def jpeg(image: Image) -> bytes:
    """Encode an image [H, W] in [0, 1] as 8-bit grayscale JPEG."""
    return _encode(PillowImage.fromarray(np.round(image * np.float32(255)).astype(np.uint8)), format="JPEG", quality=92)


def draw_picture(picture: Picture, *, size: int, seed: int, placements: Mapping[str, int] | None = None) -> Image:
    """Draw one [size, size] in [0, 1]; see `render.draw`."""
    return draw(
        picture.findings,
        patient=picture.patient,
        image=picture.image,
        view=picture.view,
        sex=picture.sex,
        age=picture.age,
        size=size,
        seed=seed,
        placements=placements,
    )


def encoded(image: Image, picture: Picture) -> bytes:
    """The file of a drawn image [H, W], as `picture` says."""
    return jpeg(image) if picture.bits is None else png(image, picture.bits, inverted=picture.inverted)


def write_zips(root: Path, pictures: Iterable[Picture], *, size: int, seed: int, workers: int) -> int:
    """Draw `pictures` into the zip files they name below `root`; returns how many.

    Members are sorted, stored as they are and dated 1980. An archive has its final name only once it is whole.
    """
    ordered = sorted(pictures, key=lambda picture: (picture.archive, picture.member))
    chunks = [ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK)]
    drawn = spread(functools.partial(_draw_chunk, size=size, seed=seed), chunks, workers=workers)
    contents = progress(chain.from_iterable(drawn), total=len(ordered), desc=f"draw {root.name}")
    for name, members in groupby(zip(ordered, contents, strict=True), key=lambda item: item[0].archive):
        with whole(root / name) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for picture, content in members:
                archive.writestr(zipfile.ZipInfo(picture.member), content)
    return len(ordered)


def _draw_chunk(pictures: Sequence[Picture], *, size: int, seed: int) -> list[bytes]:
    return [_draw_one(picture, size, seed) for picture in pictures]


def _draw_one(picture: Picture, size: int, seed: int) -> bytes:
    return encoded(draw_picture(picture, size=size, seed=seed), picture)


def _encode(image: PillowImage.Image, **options: str | int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **options)  # pyright: ignore[reportArgumentType]
    return buffer.getvalue()
