"""The radiographs of an audit: out of a folder, or as a table names them, decoded as for the image store."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffchest.audit.command.label_table import image_column, read_rows
from diffchest.errors import DataError
from diffchest.files.cells import ids, no_id
from diffchest.images.bit_depth import brightest_values, fewest_bits
from diffchest.images.decoding import decode, quiet_decoders
from diffchest.images.inspection import look
from diffchest.images.sources import SUFFIXES, SourceReader, index_images
from diffchest.images.squares import decode_square, encode_square, to_square
from diffchest.progress import notice, progress

DEEPEST = 99  # folders below the one named
FINEST = 512  # px: side of the largest squares that the gates try a classifier on
LEAST = 10  # radiographs, whose logits have a standard deviation


@dataclass(frozen=True)
class Found:
    """Where the radiographs lie: `sources` below `root` by name, in the order of the names."""

    root: Path
    sources: Mapping[str, str]

    def of(self, names: Collection[str]) -> "Found":
        """Those of `names` alone."""
        wanted = set(names)
        return Found(self.root, {name: source for name, source in self.sources.items() if name in wanted})


@dataclass(frozen=True, eq=False)
class Films:
    """N radiographs by name, uint8 [N, S, S] as the network sees them.

    fine: those of them, by their rows, that the gates get larger, uint8 [G, T, T]; sha256: of the files and their
    names; rejected: a line for each file that cannot be decoded.
    """

    names: list[str]
    squares: np.ndarray
    fine_rows: np.ndarray
    fine: np.ndarray
    sha256: str
    rejected: list[str]

    def rows(self, names: Sequence[str]) -> list[int]:
        """Where `names` are."""
        row = {name: number for number, name in enumerate(self.names)}
        return [row[name] for name in names]


def find_radiographs(path: Path) -> Found:
    """The PNG, JPEG and DICOM files of a folder and those below it, in zip files too; or those that a CSV names.

    Their names are the paths below the folder, or those of the table, relative to where it lies
    (`archive.zip::film.png` for a member of a zip file). Raises `DataError` where there is none.
    """
    if path.is_dir():
        sources = dict(sorted(index_images(path, DEEPEST).items()))
        if not sources:
            raise DataError(f"{path}: no {', '.join(SUFFIXES)} file in this folder, below it or in zip files there")
        return Found(path, sources)
    table = read_rows(path, what="--radiographs takes a folder of radiographs, or a CSV that names them")
    column = image_column(table, path)
    names = ids(table[column]).str.replace("\\", "/", regex=False)
    nameless = no_id(names)
    if not len(names) or nameless.any():
        raise DataError(
            f"{path}: column {column!r} has {int(nameless.sum())} of {len(names)} cells that name no radiograph"
        )
    return Found(path.parent, {name: name for name in sorted(set(names))})


def read_radiographs(
    found: Found,
    *,
    size: int,
    codec: str,
    fine: Collection[str],
    most_rejected: float,
    bits_stored: int | None = None,
    inverted: bool = False,
) -> Films:
    """Decode them; size: of the network, px; codec: of the image store, since JPEG changes pixels.

    fine: names of those that the gates get, as large as the largest of them is, up to `FINEST`; inverted: see
    `images.decoding.decode`; bits_stored: of 16-bit PNG, None: one number for all, from what a sample of them holds.
    Raises `DataError` where more than the fraction `most_rejected` cannot be decoded, and for fewer than `LEAST`.
    """
    reader, digest, wanted = SourceReader(found.root), hashlib.sha256(), set(fine)
    names: list[str] = []
    squares: list[np.ndarray] = []
    large: dict[int, np.ndarray] = {}
    rejected: list[str] = []
    if bits_stored is None and (brightest := brightest_values(found.root, list(found.sources.values()))):
        bits_stored = fewest_bits(brightest)
        notice(
            f"{found.root}: 16-bit PNG with values to {max(brightest)}: {bits_stored} bits, all are divided by "
            f"{2**bits_stored - 1}; if that is wrong, give --bits-stored"
        )
    for name, source in progress(found.sources.items(), desc="decode"):
        try:
            data = reader.read(source)
            with quiet_decoders():
                pixels = decode(data, bits_stored=bits_stored, invert=inverted)
            square = to_square(pixels, size)
            if seen := look(square).rejected:
                raise DataError(seen)
        except DataError as error:
            rejected.append(f"{name}: {error}")
            continue
        digest.update(f"{name}\0{hashlib.sha256(data).hexdigest()}\n".encode())
        if name in wanted:
            large[len(names)] = to_square(pixels, min(FINEST, max(pixels.shape)))
        names.append(name)
        squares.append(decode_square(encode_square(square, codec), codec, size))
    _check_rejected(found, rejected, most_rejected)
    if len(names) < LEAST:
        raise DataError(f"{found.root}: {len(names)} radiographs are too few for an audit; give {LEAST} or more")
    side = max([size, *(len(picture) for picture in large.values())])
    pictures = [picture if len(picture) == side else to_square(picture, side) for picture in large.values()]
    return Films(
        names=names,
        squares=np.stack(squares),
        fine_rows=np.array(list(large), dtype=np.int64),
        fine=np.stack(pictures) if pictures else np.empty((0, side, side), np.uint8),
        sha256=digest.hexdigest(),
        rejected=rejected,
    )


def _check_rejected(found: Found, rejected: list[str], most: float) -> None:
    if not rejected:
        return
    told = f"{len(rejected)} of {len(found.sources)} radiographs cannot be read, such as {rejected[0]}"
    if len(rejected) > most * len(found.sources):
        raise DataError(
            f"{found.root}: {told}; expected PNG, JPEG or DICOM files: mend them or take them out (up to "
            f"{most:.0%} are passed over, cohorts.max_rejected_fraction)"
        )
    notice(f"{told}; left out")
