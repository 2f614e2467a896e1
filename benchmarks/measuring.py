"""What the measurements share: a process of one's own, the machine's name, Markdown."""

import os
import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

RADIOGRAPHS = Path("../shared/data/open_cxr")  # the default folder of JPEG radiographs


def in_child(function: Callable[..., T], *arguments: Any) -> T:
    """What `function` returns in a fresh process, so that its memory and its pools are its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
        return child.submit(function, *arguments).result()


def processor() -> str:
    """The model of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())


def provenance(where: str | None = None) -> str:
    """Command, date and machine, which belong beside every number; `where`: the machine, if it is not the CPU."""
    folder, script = Path(sys.argv[0]).parts[-2:]
    command = shlex.join(["python", "-m", f"benchmarks.{folder}.{script.removesuffix('.py')}", *sys.argv[1:]])
    return f"`{command}`, {date.today()}, {where or f'{processor()}, {len(os.sched_getaffinity(0))} cores'}"


def radiographs_in(folder: Path) -> Path:
    """The folder with .jpg files: `folder` or its subfolder `images`; ends the program if there are none."""
    images = folder / "images" if (folder / "images").is_dir() else folder
    if not any(images.glob("*.jpg")):
        raise SystemExit(f"{images}: no .jpg files there; name their folder with --images")
    return images


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of `rows`, the first of them the header."""
    header, *body = rows
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *body))
