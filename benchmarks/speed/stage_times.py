"""Wall time of `dvc repro` by stage.

    python -m benchmarks.speed.stage_times [dvc repro arguments]

Prints a Markdown table: seconds from one stage's start to the next one's, DVC's own hashing included.
"""

import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    """Run `dvc repro`, echo what it prints and time its stages."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    process = subprocess.Popen(
        ["dvc", "repro", *sys.argv[1:]],
        env=environment,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        bufsize=1,
    )
    start = time.perf_counter()
    marks: list[tuple[str, float]] = [("(start)", start)]
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        if line.startswith("Running stage '"):
            marks.append((line.split("'")[1], time.perf_counter()))
    code = process.wait()
    end = time.perf_counter()
    print(
        f"\n| stage | seconds |\n|---|---:|\n| (start) | {marks[1][1] - start if len(marks) > 1 else end - start:.1f} |"
    )
    stops = [begun for _, begun in marks[2:]] + [end]
    for (name, begun), ended in zip(marks[1:], stops, strict=False):  # no mark but the start: nothing to do
        print(f"| `{name}` | {ended - begun:.1f} |")
    print(f"| **all** | **{end - start:.1f}** |")
    sys.exit(code)


if __name__ == "__main__":
    main()
