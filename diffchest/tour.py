"""A tour: every stage of the pipeline on a few hundred phantoms, in one process, in a folder of its own.

    python -m diffchest.tour             # a minute or two; then the report opens in the browser
    python -m diffchest.tour --no-open   # its path is printed instead

It shows what a run does and what comes of it. The network is tiny, so the numbers of its report mean nothing, and the
report says so. Everything lies in `tour/`, which git does not see: `params.yaml`, `dvc.lock`, `data/`, `models/` and
`reports/` of the repository stay as they are. Each tour begins anew. DVC takes no part, since it and the imports of 37
processes would cost more time than the work.
"""

import argparse
import contextlib
import os
import re
import runpy
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch
from webbrowser import open as open_in_browser

from diffchest.dependencies import PIPELINE, script_of
from diffchest.files.wheels import DOWNLOADS
from diffchest.files.yaml import read_mapping
from diffchest.params.base import PARAMS_FILE
from diffchest.paths import REPORT
from diffchest.profiles import PROFILES, apply_profiles, base_of
from diffchest.progress import run, summary

TOUR = Path("tour")
OF_THE_TOUR = [PROFILES / "smoke.yaml", PROFILES / "tour.yaml"]


def commands(pipeline: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The scripts of `dvc.yaml` with their arguments by the name of the stage, one per item of a `foreach` or `matrix`.

    They come in the file's order, in which every stage stands after those whose outputs it reads.
    """
    for name, entry in pipeline["stages"].items():
        stage = entry.get("do", entry)
        script = str(script_of(stage))
        after = stage["cmd"].partition(script)[2]
        if "matrix" in entry:
            (variable, values), *_ = entry["matrix"].items()
            items = {str(item): {f"item.{variable}": item} for item in _value(values, params)}
        elif "foreach" in entry:
            items = {key: {"key": key} for key in _value(entry["foreach"], params)}
        else:
            items = {"": {}}
        for item, known in items.items():
            arguments = re.sub(r"\$\{(.*?)\}", lambda found, known=known: str(known[found[1]]), after)
            yield f"{name}@{item}" if item else name, [script, *shlex.split(arguments)]


def _value(interpolated: str, params: Mapping[str, Any]) -> Any:
    """The value that `${a.b}` stands for."""
    value: Any = params
    for key in interpolated.removeprefix("${").removesuffix("}").split("."):
        value = value[key]
    return value


def set_up_folder(folder: Path = TOUR) -> None:
    """Make the folder anew: the committed `params.yaml` with the profiles of the tour, and the downloads shared."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / PARAMS_FILE).write_text(base_of(PARAMS_FILE).text, encoding="utf-8")
    apply_profiles(OF_THE_TOUR, folder / PARAMS_FILE)
    DOWNLOADS.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):  # where no links can be made, the tour downloads for itself
        (folder / DOWNLOADS).symlink_to(Path("..") / DOWNLOADS, target_is_directory=True)


def take(folder: Path = TOUR) -> Path:
    """Run every stage in the folder, one after another in this process; returns the report's path."""
    root, started = Path.cwd(), time.monotonic()
    planned = list(commands(read_mapping(PIPELINE), read_mapping(folder / PARAMS_FILE)))
    os.chdir(folder)
    try:
        for number, (name, (script, *arguments)) in enumerate(planned, 1):
            passed = time.monotonic() - started
            print(f"[{passed:4.0f} s, {number} of {len(planned)}] {name}", flush=True)
            with patch.object(sys, "argv", [script, *arguments]):
                runpy.run_path(str(root / script), run_name="__main__")
    finally:
        os.chdir(root)
    return (folder / REPORT).resolve()


def main() -> None:
    """Command line: take the tour, and show its report."""
    parser = argparse.ArgumentParser(prog="python -m diffchest.tour", description=str(__doc__).splitlines()[0])
    parser.add_argument("--no-open", action="store_true", help="print where the report is, and open no browser")
    options, started = parser.parse_args(), time.monotonic()
    set_up_folder()
    report = take()
    passed = time.monotonic() - started
    summary("tour", f"done in {passed:.0f} s; a tiny network on few phantoms, so its numbers mean nothing: {report}")
    if not options.no_open:
        open_in_browser(report.as_uri())


if __name__ == "__main__":
    run(main)
