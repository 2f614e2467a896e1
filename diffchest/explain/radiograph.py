"""The radiograph that is explained: out of any PNG, JPEG or DICOM file, or out of the image store."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diffchest.contracts.image_store import ImageStore
from diffchest.errors import DataError
from diffchest.images.decoding import PNG_BITS, PNG_SIGNATURE, decode, quiet_decoders
from diffchest.images.dicom import dicom_facts
from diffchest.images.dicom_file import is_dicom
from diffchest.images.inspection import look
from diffchest.images.sources import MEMBER, SourceReader
from diffchest.images.squares import decode_square, encode_square, to_square
from diffchest.progress import notice


@dataclass(frozen=True, eq=False)
class Radiograph:
    """A radiograph as the network sees it, uint8 [S, S], its name, and what is known of how it was read."""

    name: str
    square: np.ndarray
    facts: dict[str, Any]


def read_radiograph(
    source: str, store: Path, *, size: int, codec: str, bits_stored: int | None = None, inverted: bool = False
) -> Radiograph:
    """A file, a member of a zip (`archive.zip::film.png`), or a radiograph of the image store at `store` by its id.

    Files are decoded as `build_lmdb` does: size: of the square, px; codec: of the image store, since JPEG changes
    pixels; bits_stored, inverted: what a cohort's table says of its PNG and JPEG files (`images.decoding.decode`). The
    facts are the `kind`; of a file its `height`, `width`, `bits_stored`, whether it is `inverted`, and its `sha256`;
    never what a DICOM header says of a patient. Raises `DataError` for what is neither, cannot be decoded, or is
    one gray.
    """
    archive, found, member = source.partition(MEMBER)
    path = Path(archive).resolve()
    if not path.exists():
        return _read_stored(source, store, size=size)
    try:
        data = SourceReader(path.parent).read(path.name + found + member)
        with quiet_decoders():
            pixels = decode(data, bits_stored=bits_stored, invert=inverted)
            header = _header(data)
    except DataError as error:
        raise DataError(f"{source}: {error}; expected a radiograph as PNG, JPEG or DICOM") from None
    height, width = pixels.shape
    said = {"bits_stored": 8 if pixels.dtype == np.uint8 else bits_stored or PNG_BITS, "inverted": inverted}
    facts = {"kind": header["kind"], "height": height, "width": width, **said, **header}
    square = to_square(pixels, size)
    seen = look(square)
    if seen.rejected:
        raise DataError(f"{source}: {seen.rejected}; expected a radiograph")
    if seen.remark:
        notice(f"{source}: looks odd: {seen.remark}; a 16-bit PNG may need --bits-stored, a negative --inverted")
    square = decode_square(encode_square(square, codec), codec, size)
    return Radiograph(Path(member or archive).name, square, {**facts, "sha256": hashlib.sha256(data).hexdigest()})


def _read_stored(image_id: str, path: Path, *, size: int) -> Radiograph:
    """By its id, where the squares of the store are those of the network."""
    store = ImageStore(path) if path.is_file() else None
    if store is None or image_id not in store:
        raise DataError(f"{image_id}: no such file, and no radiograph of that id in {path}; check the path or the id")
    if store.size != size:
        raise DataError(
            f"{path}: holds squares of {store.size} px, but the model takes {size} px; give the radiograph's file"
        )
    return Radiograph(image_id, store.read([image_id])[0], {"kind": "image store"})


def _header(data: bytes) -> dict[str, Any]:
    """The kind of a file that could be decoded; of DICOM also what it says of its own pixels."""
    if not is_dicom(data):
        return {"kind": "PNG" if data.startswith(PNG_SIGNATURE) else "JPEG"}
    return {"kind": "DICOM", **dicom_facts(data)._asdict()}
