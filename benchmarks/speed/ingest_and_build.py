"""Reading the real PadChest table, and building an image store from real radiographs; Markdown tables.

    python -m benchmarks.speed.ingest_and_build [ingest] [build] [memory] [--images FOLDER]

* ingest: the real PadChest table through `read_padchest`
* build: a store built from radiographs, against a plain Pillow loop; killed and carried on
* memory: peak memory of a build of as many images as PadChest has, and of one whose disk is slow

Times depend on what else the machine does; ratios, taken within one run, much less.
"""

import argparse
import csv
import gzip
import hashlib
import io
import os
import resource
import signal
import statistics
import sys
import time
import zipfile
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from joblib.externals.loky import get_reusable_executor
from PIL import Image

from benchmarks.measuring import RADIOGRAPHS, in_child, markdown, provenance, radiographs_in
from diffchest.cohorts.padchest import read_padchest
from diffchest.contracts.image_store import ImageStore
from diffchest.errors import DataError
from diffchest.images import working_file
from diffchest.images.building import build_store, publish
from diffchest.images.preparing import StoreRow
from diffchest.images.sources import MEMBER
from diffchest.params.cohorts import PadchestCohort

TABLES = Path("data/tables")
SIZE = 256  # px
ENLARGED = {1024: 5711, 2048: 1000}  # images re-encoded at so many px; those of the real cohorts have 2000 to 3000
REPETITIONS = 3
PADCHEST = 160_861  # images
SLOW = 1.0  # s before each write


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS], default=[*PARTS])
    parser.add_argument("--images", type=Path, default=RADIOGRAPHS, help="folder of JPEG radiographs (%(default)s)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that temporary folders are removed
    print(provenance())
    for part in options.parts:
        rows = PARTS[part](options.images)
        print(f"\n{part}\n\n{markdown(rows)}", flush=True)


def measure_ingest(_: Path) -> list[list[str]]:
    """Time and memory to read the real PadChest table, with few images there and with all of them."""
    table = next(iter(sorted(TABLES.glob("PADCHEST_*.csv.gz"))), None)
    if table is None:
        return [["skipped"], [f"no PadChest table in {TABLES}: run `dvc repro tables` first"]]
    rows = [["images in the zip", "rows kept", "read_padchest, s", "with start and imports, s", "peak memory, MB"]]
    names = list(_image_names(table))
    for present in (names[:: len(names) // 8], names):
        with TemporaryDirectory() as folder:
            root = Path(folder)
            (root / table.name).symlink_to(table.resolve())
            _write_zip(root / "0.zip", present)
            begun = time.perf_counter()
            kept, seconds, peak = in_child(_ingest, root)
            wall = time.perf_counter() - begun
        rows.append([f"{len(present):,}", f"{kept:,}", f"{seconds:.1f}", f"{wall:.1f}", f"{peak / 1e6:.0f}"])
    return [*rows, ["goal", "", "5.0", "", "1000"]]


def _image_names(table: Path) -> Iterator[str]:
    with gzip.open(table, "rt", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            yield row["ImageID"]


def _write_zip(path: Path, names: list[str], *, grays: bool = False) -> None:
    """A zip file with one tiny PNG, of one gray unless `grays`, under each of `names`."""
    buffer = io.BytesIO()
    (Image.linear_gradient("L").resize((32, 32)) if grays else Image.new("L", (16, 16))).save(buffer, format="png")
    with zipfile.ZipFile(path, "w") as archive:
        for name in dict.fromkeys(names):
            archive.writestr(name, buffer.getvalue())


def _ingest(root: Path) -> tuple[int, float, int]:
    """Rows of the manifest, seconds and peak memory in bytes."""
    begun = time.perf_counter()
    cohort = read_padchest("padchest", PadchestCohort(format="padchest", root=str(root), images="present"))
    seconds = time.perf_counter() - begun
    return len(cohort.images), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure_build(images: Path) -> list[list[str]]:
    """Images/s of a build against a plain Pillow loop, and whether a killed build ends in the same file."""
    images, cores = radiographs_in(images), len(os.sched_getaffinity(0))
    rows = [["images", "Pillow loop, images/s", f"build, {cores} workers, images/s", "ratio, its range", "goal"]]
    with TemporaryDirectory() as folder:
        temporary = Path(folder)
        rows.append([f"as they are ({SIZE} px)", *_compare(images, temporary, cores), "1.8"])
        for side, number in ENLARGED.items():
            large = temporary / str(side)
            _enlarge(images, large, side, number)
            rows.append(
                [f"{len(list(large.iterdir())):,} of them at {side} px", *_compare(large, temporary, cores), "1.8"]
            )
        done, same = _interrupted(images, temporary, cores)
    killed = f"killed with {done:,} images committed, run again"
    return [*rows, [killed, "", f"{'the same' if same else 'ANOTHER'} sha256", "", "the same"]]


def _compare(images: Path, temporary: Path, workers: int) -> list[str]:
    """Median images/s of both, and the median of the ratios of neighbouring runs."""
    paths = sorted(images.glob("*.jpg"))
    loop, build = [], []
    for path in paths:  # warm the cache for both
        path.read_bytes()
    for _ in range(REPETITIONS):
        begun = time.perf_counter()
        for path in paths:
            _pillow_square(path)
        loop.append(len(paths) / (time.perf_counter() - begun))
        build.append(len(paths) / in_child(_build, images, temporary / "whole", workers))
    ratios = [ours / plain for ours, plain in zip(build, loop, strict=True)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return [f"{statistics.median(loop):,.0f}", f"{statistics.median(build):,.0f}", spread]


def _pillow_square(path: Path) -> bytes:
    """What a user would write without DiffChest."""
    image = Image.open(path).convert("L")
    scale = SIZE / max(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    square = Image.new("L", (SIZE, SIZE))
    square.paste(image, ((SIZE - image.width) // 2, (SIZE - image.height) // 2))
    return square.tobytes()


def _build(images: Path, folder: Path, workers: int) -> float:
    """Build and publish `folder`.store; seconds, the start of the pool included."""
    working, target = folder.with_suffix(".working"), folder.with_suffix(".store")
    paths = sorted(images.glob("*.jpg"), key=lambda path: path.stem)
    rows = [StoreRow(path.stem, str(images), path.name, 0, False) for path in paths]
    begun = time.perf_counter()
    rejected = build_store(rows, working, size=SIZE, codec="raw", workers=workers)
    publish(working, target)
    seconds = time.perf_counter() - begun
    get_reusable_executor().shutdown(wait=True)  # a process of multiprocessing would wait for idle workers
    if rejected:
        raise SystemExit(f"{len(rejected)} images were rejected, the first: {rejected[0]}")
    return seconds


def _enlarge(images: Path, target: Path, side: int, number: int) -> None:
    """Write the first of `images` again, larger, as files from a hospital are."""
    target.mkdir()
    for path in sorted(images.glob("*.jpg"))[:number]:
        image = Image.open(path).convert("L")
        scale = side / max(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        image.resize(size, Image.Resampling.BICUBIC).save(target / path.name, quality=90)


def _interrupted(images: Path, temporary: Path, workers: int) -> tuple[int, bool]:
    """Kill a build half-way through its file, run it again; images it had, whether the files are the same."""
    in_child(_build, images, temporary / "whole", workers)
    half = (temporary / "whole.store").stat().st_size // 2
    working = temporary / "killed.working"
    process = get_context("spawn").Process(target=_build, args=(images, temporary / "killed", workers))
    process.start()
    while process.is_alive() and (not working.exists() or working.stat().st_size < half):
        time.sleep(0.01)
    process.kill()
    process.join()
    done = in_child(_images_done, working)
    in_child(_build, images, temporary / "killed", workers)
    return done, _sha256(temporary / "killed.store") == _sha256(temporary / "whole.store")


def _images_done(working: Path) -> int:
    """Images committed; none when the kill came before the first commit."""
    try:
        return len(ImageStore(working))
    except DataError:
        return 0


def measure_memory(_: Path) -> list[list[str]]:
    """Peak memory of builds from one zip of tiny images: as many as PadChest has, and with a disk that is slow."""
    rows = [["images", "side, px", "wait before each write, s", "seconds", "main process, MB", "largest worker, MB"]]
    rows[0].append("before the build, MB")
    for number, size, wait in ((PADCHEST, 64, 0.0), (20_000, 256, 0.0), (20_000, 256, SLOW)):
        with TemporaryDirectory() as folder:
            root = Path(folder)
            names = [f"{place:06d}.png" for place in range(number)]
            _write_zip(root / "0.zip", names, grays=True)
            seconds, before, main, worker = in_child(_peaks, root, names, size, wait)
        numbers = [f"{value / 1e6:.0f}" for value in (main, worker, before)]
        rows.append([f"{number:,}", str(size), f"{wait:g}", f"{seconds:.0f}", *numbers])
    return rows


def _peaks(root: Path, names: list[str], size: int, wait: float) -> tuple[float, int, int, int]:
    """Seconds, and peak memory in bytes of this process before the build and after it, and of its largest worker."""
    rows = [StoreRow(name, str(root), f"0.zip{MEMBER}{name}", 0, False) for name in names]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    commit = working_file._commit

    def slow(*arguments: Any) -> None:
        time.sleep(wait)
        commit(*arguments)

    begun = time.perf_counter()
    with patch.object(working_file, "_commit", slow):
        rejected = build_store(rows, root / "images.lmdb", size=size, codec="raw", workers=2)
    seconds = time.perf_counter() - begun
    get_reusable_executor().shutdown(wait=True)
    if rejected:
        raise SystemExit(f"{len(rejected)} images were rejected, the first: {rejected[0]}")
    peaks = [resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return seconds, before, peaks[0], peaks[1]


PARTS = {"ingest": measure_ingest, "build": measure_build, "memory": measure_memory}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
