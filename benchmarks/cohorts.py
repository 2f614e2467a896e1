"""Ingesting, building and reading cohorts of real size; each part prints a Markdown table.

    python benchmarks/cohorts.py [ingest] [build] [codec] [large] [damaged] [--images FOLDER]

Without a part: all but `large`, which needs up to 37 GB of disk for some minutes. Times depend on what else the machine
does; ratios, taken within one run, much less.
"""

import argparse
import os
import platform
import shlex
import signal
import sys
import time
from datetime import date
from pathlib import Path

from ingest import measure_build, measure_ingest
from store import measure_codec, measure_large

PARTS = {
    "ingest": "the real PadChest table through read_padchest",
    "build": "a store built from radiographs, against a plain Pillow loop; killed and carried on",
    "codec": "random reads from raw, png and jpeg stores, against decoding the source files",
    "damaged": "damaged files through decode, in child processes",
    "large": "a store of 515,704 images, written, opened and read",
}
IMAGES = Path("../shared/data/open_cxr")
DAMAGED_FILES = 2000


def main() -> None:
    """Measure the parts named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = "; ".join(f"{name}: {what}" for name, what in PARTS.items())
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="part", help=known)
    parser.add_argument("--images", type=Path, default=IMAGES, help=f"folder of JPEG radiographs (default {IMAGES})")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that temporary folders are removed
    images = arguments.images / "images" if (arguments.images / "images").is_dir() else arguments.images
    programs = {
        "ingest": measure_ingest,
        "build": lambda: measure_build(images),
        "codec": lambda: measure_codec(images),
        "damaged": lambda: _measure_damaged(images),
        "large": lambda: measure_large(images),
    }
    parts = arguments.parts or [name for name in PARTS if name != "large"]
    if set(parts) - {"ingest"} and not any(images.glob("*.jpg")):
        parser.error(f"{images}: no .jpg files there; name their folder with --images")
    print(f"`python {shlex.join(sys.argv)}`, {date.today()}, {processor()}, {len(os.sched_getaffinity(0))} cores\n")
    for part in parts:
        header, *rows = programs[part]()
        print(f"{part}: {PARTS[part]}\n")
        for cells in (header, ["---"] * len(header), *rows):
            print(f"| {' | '.join(cells)} |")
        print(flush=True)


def _measure_damaged(images: Path) -> list[list[str]]:
    """What becomes of the files of `tests/helpers/damaged.py`."""
    sys.path.append(str(Path(__file__).resolve().parent.parent))
    from tests.helpers.damaged import examine

    begun = time.perf_counter()
    outcome = examine(DAMAGED_FILES, images.resolve())
    seconds = time.perf_counter() - begun
    counts = [outcome.tried, outcome.decoded, outcome.rejected.total(), len(outcome.crashed)]
    return [
        ["files", "decoded", "rejected with a reason", "ended or stalled the process (goal 0)", "seconds"],
        [*(f"{count:,}" for count in counts), f"{seconds:.0f}"],
    ]


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())


if __name__ == "__main__":
    main()
