"""A corpus of damaged radiographs, and a child process that decodes it: `python -m tests.helpers.damaged 2000 [FOLDER]`.

File number n of the corpus is the same on every machine: an original, damaged by a generator seeded with n.
"""

import faulthandler
import functools
import io
import json
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from pydicom import uid

from diffchest.errors import DataError
from diffchest.images.decoding import decode, quiet_decoders
from diffchest.images.inspection import look
from diffchest.images.squares import to_square
from tests.helpers.dicom_files import dicom
from tests.helpers.waiting import HANG

ORIGINALS = 50  # images of a folder
MEMORY = 4 * 2**30  # bytes of address space of the child
SIDE = 64  # px of the squares that are looked at
PATIENCE = 10  # seconds of the processor for one file, however busy the machine is
FORMS = ("jpeg", "png", "png-16", "explicit", "rle", "jpeg-2000", "jpeg-lossless", "jpeg-baseline", "deflated")
SYNTAXES = {
    "explicit": uid.ExplicitVRLittleEndian,
    "rle": uid.RLELossless,
    "jpeg-2000": uid.JPEG2000Lossless,
    "jpeg-lossless": uid.JPEGLosslessSV1,
    "jpeg-baseline": uid.JPEGBaseline8Bit,
    "deflated": uid.DeflatedExplicitVRLittleEndian,
}


KEPT = ("decoded", "odd", "constant")


class Outcome(NamedTuple):
    """What became of the files: `rejected` counts reasons, `crashed` names files that ended or stalled the process.

    Of those decoded, `odd` were remarked on; `constant` are squares of one gray (but for a black border) let through.
    """

    tried: int
    decoded: int
    odd: int
    constant: int
    rejected: Counter
    crashed: list[str]


def damaged(number: int, folder: Path | None = None) -> bytes:
    """File `number`: even ones truncated, odd ones with 1 to 20 flipped bits, a third of these in the first 512 bytes."""
    data = original(FORMS[number % len(FORMS)], number // len(FORMS), folder)
    rng = np.random.default_rng(number)
    if number % 2 == 0:
        return data[: rng.integers(len(data))]
    flipped = bytearray(data)
    end = min(512, len(data)) if rng.integers(3) == 0 else len(data)
    for _ in range(rng.integers(1, 21)):
        flipped[rng.integers(end)] ^= 1 << rng.integers(8)
    return bytes(flipped)


@functools.lru_cache(maxsize=ORIGINALS * len(FORMS))
def original(form: str, number: int, folder: Path | None) -> bytes:
    """An undamaged file: a radiograph of `folder`, or without one a synthetic image."""
    paths = _paths(folder)
    path = paths[number % len(paths)] if paths else None
    if form == "jpeg" and path:
        return path.read_bytes()
    pixels = np.asarray(Image.open(path).convert("L")) if path else _synthetic(number % ORIGINALS)
    if form == "jpeg-baseline":
        return dicom(pixels, bits=8, syntax=SYNTAXES[form], WindowCenter=128, WindowWidth=200)
    deep = pixels.astype(np.uint16) * 16 + np.random.default_rng(number).integers(
        16, size=pixels.shape, dtype=np.uint16
    )
    if form in SYNTAXES:
        window = {"WindowCenter": [2048, 1000], "WindowWidth": [3000, 2000], "RescaleSlope": 1, "RescaleIntercept": -24}
        return dicom(deep, bits=12, syntax=SYNTAXES[form], **window)
    buffer = io.BytesIO()
    Image.fromarray(deep if form == "png-16" else pixels).save(buffer, format=form.split("-")[0].upper())
    return buffer.getvalue()


def examine(count: int, folder: Path | None = None) -> Outcome:
    """Decode files 0 to `count` - 1 in child processes; after a crash the next child goes on behind the culprit."""
    found, rejected, crashed, first = Counter(), Counter(), [], 0
    while first < count:
        command = [
            sys.executable,
            "-m",
            "tests.helpers.damaged",
            "--child",
            str(first),
            str(count),
            *([folder] if folder else []),
        ]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        root = Path(__file__).resolve().parents[2]
        child = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=HANG
        )
        results = [json.loads(line) for line in child.stdout.splitlines() if line.endswith('"')]
        found.update(result for result in results if result in KEPT)
        rejected.update(result for result in results if result not in KEPT)
        first += len(results)
        if first < count:
            reason = (child.stderr.strip().splitlines() or [""])[0]
            crashed.append(f"file {first} ({FORMS[first % len(FORMS)]}): exit {child.returncode}: {reason}")
            first += 1
    return Outcome(count, found.total(), found["odd"], found["constant"], rejected, crashed)


def decode_all(first: int, last: int, folder: Path | None) -> None:
    """Print one result a file, at once, so that the last one tells which file ended the process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    faulthandler.register(signal.SIGPROF, chain=True)  # says where, then ends the process
    for number in range(first, last):
        data = damaged(number, folder)
        signal.setitimer(signal.ITIMER_PROF, PATIENCE)
        try:
            with quiet_decoders():
                pixels = decode(data)
                square = to_square(pixels, SIDE)
                seen = look(square)
                if seen.rejected:
                    raise DataError(seen.rejected)
        except DataError as error:
            print(json.dumps(str(error)), flush=True)
            continue
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        assert pixels.dtype in (np.uint8, np.float32), pixels.dtype
        assert pixels.ndim == 2, pixels.shape
        assert pixels.min() >= 0, number
        assert pixels.max() <= (255 if pixels.dtype == np.uint8 else 1), number  # not a number fails both
        inside = square[square.any(axis=1)][:, square.any(axis=0)]
        kept = "constant" if len(np.unique(inside)) < 2 else "odd" if seen.remark else "decoded"
        print(json.dumps(kept), flush=True)


@functools.cache
def _paths(folder: Path | None) -> list[Path]:
    paths = sorted(folder.glob("*.jpg")) if folder else []
    return paths[:: max(1, len(paths) // ORIGINALS)][:ORIGINALS]


def _synthetic(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    y, x = np.mgrid[0 : rng.integers(40, 200), 0 : rng.integers(40, 200)]
    waves = np.sin(x / rng.uniform(3, 30)) * np.cos(y / rng.uniform(3, 30))
    return np.clip(128 + 90 * waves + rng.normal(0, 5, x.shape), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        decode_all(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]) if len(sys.argv) > 4 else None)
    else:
        outcome = examine(int(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
        print(f"tried {outcome.tried}, decoded {outcome.decoded}, rejected {outcome.rejected.total()}")
        print(f"of those decoded: {outcome.odd} odd, {outcome.constant} constant")
        print(f"crashed {len(outcome.crashed)}", *outcome.crashed, sep="\n  ")
        for text, times in outcome.rejected.most_common():
            print(f"{times:6d}  {text}")
