"""What becomes of damaged image files: decoded, rejected with a reason, or a crash; a Markdown table.

    python -m benchmarks.studies.damaged_files [--images FOLDER]

Files are cut, overwritten and reordered copies of radiographs, each decoded in a process of its own.
"""

import argparse
import time
from pathlib import Path

from benchmarks.measuring import RADIOGRAPHS, markdown, provenance, radiographs_in
from tests.helpers.damaged import examine

FILES = 2000


def main() -> None:
    """Decode the damaged files and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=RADIOGRAPHS, help="folder of JPEG radiographs (%(default)s)")
    parser.add_argument("--files", type=int, default=FILES, help="damaged files to try (%(default)s)")
    options = parser.parse_args()
    images = radiographs_in(options.images).resolve()
    begun = time.perf_counter()
    outcome = examine(options.files, images)
    seconds = time.perf_counter() - begun
    goals = ["ended or stalled the process (goal 0)", "one gray let through (goal 0)"]
    header = ["files", "decoded", "of these odd", "rejected with a reason", *goals, "seconds"]
    counts = [outcome.tried, outcome.decoded, outcome.odd, outcome.rejected.total()]
    counts += [len(outcome.crashed), outcome.constant]
    print(provenance(), markdown([header, [*(f"{count:,}" for count in counts), f"{seconds:.0f}"]]), sep="\n\n")


if __name__ == "__main__":
    main()
