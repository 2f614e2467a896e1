"""Reads from image stores: by codec, and from a store as large as all cohorts together; Markdown tables.

    python -m benchmarks.speed.store_reads [codec] [large] [--images FOLDER]

* codec (the default): random reads from raw, png and jpeg stores, against decoding the source files
* large: a store of 515,704 images, written, opened and read; needs up to 37 GB of disk for some minutes

Times depend on what else the machine does; ratios, taken within one run, much less.
"""

import argparse
import io
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import lmdb
import numpy as np
from PIL import Image

from benchmarks.measuring import RADIOGRAPHS, in_child, markdown, provenance, radiographs_in
from diffchest.contracts.image_store import RECORD, STORE_VERSION, ImageStore
from diffchest.images.building import build_store
from diffchest.images.decoding import decode
from diffchest.images.preparing import StoreRow
from diffchest.images.squares import encode_square, to_square

SIZE = 256  # px
CODECS = {"raw": "10", "png": "3", "jpeg": ""}  # goal: times as fast as decoding the source files
IMAGES = 1000
REPETITIONS = 3
LARGE_STORE = 515_704  # radiographs of the paper: pretraining (497,215) and finetuning (18,489)
FREE_FOR_RAW = 60e9  # bytes
DISTINCT = 300
READS = 20_000
BATCH = 32
COMMIT = 2048


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=["codec", "large"], default=["codec"])
    parser.add_argument("--images", type=Path, default=RADIOGRAPHS, help="folder of JPEG radiographs (%(default)s)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that temporary folders are removed
    images = radiographs_in(options.images)
    print(provenance())
    for part in options.parts:
        rows = measure_codec(images) if part == "codec" else measure_large(images)
        print(f"\n{part}\n\n{markdown(rows)}", flush=True)


def measure_codec(images: Path) -> list[list[str]]:
    """Bytes per image, cost of encoding and random reads of each codec, on one core with a warm cache."""
    return in_child(_codec_rows, images)


def _codec_rows(images: Path) -> list[list[str]]:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    paths = random.Random(0).sample(sorted(images.glob("*.jpg")), IMAGES)
    squares = [to_square(decode(path.read_bytes()), SIZE) for path in paths]
    rates: dict[str, list[float]] = {"source": [], **{codec: [] for codec in CODECS}}
    rows = [["codec", "bytes/image", "encoding, ms/image", "random reads, images/s", "times the source", "goal"]]
    with TemporaryDirectory() as folder:
        stores = {codec: _small_store(paths, Path(folder) / codec, codec) for codec in CODECS}
        order = random.Random(1).sample(stores["raw"].ids(), IMAGES)
        readers: dict[str, Callable[[], object]] = {"source": lambda: [_pillow(path) for path in paths]}
        for codec, store in stores.items():
            readers[codec] = lambda store=store: list(_batches(store, order))
        for _ in range(REPETITIONS):
            for name, read in readers.items():
                rates[name].append(IMAGES / _seconds(read))
    source = sum(path.stat().st_size for path in paths) / IMAGES
    rows.append(["source JPEG, Pillow", f"{source:,.0f}", "", f"{np.median(rates['source']):,.0f}", "1", ""])
    for codec, goal in CODECS.items():
        begun = time.perf_counter()
        encoded = [encode_square(square, codec) for square in squares]
        cost = (time.perf_counter() - begun) / IMAGES * 1e3
        ratio = np.median(np.divide(rates[codec], rates["source"]))
        size = sum(map(len, encoded)) / IMAGES
        rows.append([codec, f"{size:,.0f}", f"{cost:.2f}", f"{np.median(rates[codec]):,.0f}", f"{ratio:.1f}", goal])
    return rows


def _small_store(paths: Sequence[Path], file: Path, codec: str) -> ImageStore:
    rows = [StoreRow(path.stem, str(path.parent), path.name, 0, False) for path in paths]
    build_store(sorted(rows), file, size=SIZE, codec=codec, workers=1)
    return ImageStore(file)


def _pillow(path: Path) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("L"))


def _batches(store: ImageStore, image_ids: Sequence[str]) -> Iterator[int]:
    """Read `image_ids` in batches as training does; the images are dropped."""
    for start in range(0, len(image_ids), BATCH):
        yield len(store.read(image_ids[start : start + BATCH]))


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measure_large(images: Path) -> list[list[str]]:
    """Write a store as large as all cohorts together, and read from it in a fresh process."""
    codec = "raw" if shutil.disk_usage(gettempdir()).free >= FREE_FOR_RAW else "jpeg"
    with TemporaryDirectory() as folder:
        file = Path(folder) / "images.lmdb"
        seconds = _seconds(lambda: _write_large(images, file, codec))
        written = [
            ["images, codec", f"{LARGE_STORE:,}, {codec}", ""],
            ["size of the file", f"{file.stat().st_size / 1e9:.1f} GB", ""],
            ["writing, encoded images at hand", f"{seconds:.0f} s", ""],
        ]
        return [["what", "measured", "goal"], *written, *in_child(_read_large, file)]


def _write_large(images: Path, file: Path, codec: str) -> None:
    """A few images over and over, laid out as `build_store` lays them out."""
    paths = random.Random(0).sample(sorted(images.glob("*.jpg")), DISTINCT)
    encoded = [encode_square(to_square(decode(path.read_bytes()), SIZE), codec) for path in paths]
    record = {"version": STORE_VERSION, "size": SIZE, "codec": codec, "images": LARGE_STORE}
    entries = ((f"cohort/{number:09d}".encode(), encoded[number % DISTINCT]) for number in range(LARGE_STORE))
    map_size = 2 * LARGE_STORE * (SIZE * SIZE + 8192)
    with closing(lmdb.open(str(file), subdir=False, map_size=map_size, lock=False, sync=False)) as environment:
        with environment.begin(write=True) as transaction:
            transaction.put(RECORD, json.dumps(record).encode())
        while chunk := list(islice(entries, COMMIT)):
            with environment.begin(write=True) as transaction:
                for key, value in chunk:
                    transaction.put(key, value, append=True)
        environment.sync(True)
    with file.open("rb") as opened:  # as after a restart: nothing of it in the cache
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _read_large(file: Path) -> list[list[str]]:
    started = _memory()["RssAnon"]
    with _peaks() as peaks:
        begun = time.perf_counter()
        store = ImageStore(file)
        opening = time.perf_counter() - begun
        begun = time.perf_counter()
        count = len(store)
        counting = time.perf_counter() - begun
        begun = time.perf_counter()
        image_ids = store.ids()
        listing = time.perf_counter() - begun
        order = random.Random(1).sample(image_ids, READS)
        cold, warm = (READS / _seconds(lambda: sum(_batches(store, order))) for _ in range(2))
    return [
        ["opening", f"{opening * 1e3:.1f} ms", ""],
        ["`len`", f"{count:,} in {counting * 1e6:.0f} µs", f"{LARGE_STORE:,}"],
        ["`ids()`", f"{listing:.2f} s", ""],
        [f"{READS:,} random reads, cold cache", f"{cold:,.0f} images/s", ""],
        ["the same again", f"{warm:,.0f} images/s", ""],
        ["peak anonymous memory", f"{peaks['RssAnon'] / 1e9:.2f} GB, {started / 1e9:.2f} before opening", "1 GB"],
        ["peak pages of the file mapped (cache, given up on demand)", f"{peaks['RssFile'] / 1e9:.2f} GB", ""],
    ]


def _memory() -> dict[str, int]:
    """RssAnon and RssFile of this process, bytes."""
    lines = (line.split() for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return {words[0][:-1]: int(words[1]) * 1024 for words in lines if words[0] in ("RssAnon:", "RssFile:")}


@contextmanager
def _peaks() -> Iterator[dict[str, int]]:
    """The largest values of `_memory`, sampled every 10 ms, once the block has ended."""
    peaks = _memory()
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(0.01):
            for name, value in _memory().items():
                peaks[name] = max(peaks[name], value)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


if __name__ == "__main__":
    main()
