"""The folder that the command writes, and whether it may: a page, a JSON file and pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diffchest.errors import DataError
from diffchest.explain.case import Case
from diffchest.explain.page import build_page
from diffchest.explain.pictures import GENERATED, ORIGINAL, RECONSTRUCTION, PictureFiles, names_of
from diffchest.explain.radiograph import Radiograph
from diffchest.explain.trained_on import TrainedOn
from diffchest.files.whole import whole
from diffchest.images.sources import MEMBER
from diffchest.params.counterfactuals import ExplainParams, MoveParams, PictureParams

PAGE, RECORD = "index.html", "explanation.json"
OURS = {"generated", "radiograph", "findings", "pictures"}  # keys of a record by which it is known as ours


def check_folder(folder: Path, source: str, findings: Sequence[str]) -> None:
    """Raise `DataError` where writing the explanation of `source` to `folder` could overwrite what is not ours.

    A folder is written to that is not there yet, is empty, or holds an earlier explanation, and never the one in which
    the radiograph, or the zip that holds it, lies itself. Nothing is written or deleted here.
    """
    another = "name another folder with --out"
    try:
        there = {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to ({error.strerror}); {another}") from None
    film = Path(source.partition(MEMBER)[0])
    if film.exists() and folder.resolve() in (film.parent.resolve(), film.resolve().parent):
        raise DataError(f"{folder}: {film.name} lies there, the radiograph to be explained; {another}")
    earlier = _earlier(folder / RECORD)
    if there and earlier is None:
        named = ", ".join(sorted(there)[:3])
        raise DataError(
            f"{folder}: expected an empty folder, a new one, or that of an earlier explanation; found {len(there)} "
            f"files (such as {named}) and no {RECORD} of this command; {another}"
        )
    names = {ORIGINAL, RECONSTRUCTION, *(name for pair in names_of(findings) for name in pair)}
    kept = sorted(there & names - set(earlier or []))
    if kept:
        raise DataError(f"{folder}: {kept[0]} would be overwritten, which no earlier explanation wrote; {another}")


def record_of(
    radiograph: Radiograph,
    known: TrainedOn,
    cases: Sequence[Case],
    pictures: PictureFiles,
    settings: ExplainParams,
    sha256: Mapping[str, str],
) -> dict[str, Any]:
    """What `explanation.json` holds: everything but the pictures, which it names.

    sha256: of the files of model, head and moves.
    """
    used = settings.model_dump(include={*MoveParams.model_fields, *PictureParams.model_fields})
    named = [
        {"counterfactual": counterfactual, "difference": difference} for counterfactual, difference in pictures.names
    ]
    return {
        "generated": f"all pictures but {ORIGINAL}: {GENERATED}",
        "radiograph": {"name": radiograph.name, **radiograph.facts, "square": len(radiograph.square)},
        "trained_on": known.record,
        "towards": settings.towards,
        "changed": pictures.base,
        "findings": [{**asdict(case), "pictures": files} for case, files in zip(cases, named, strict=True)],
        "pictures": list(pictures.contents),
        "sha256": dict(sha256),
        "settings": used,
    }


def write_folder(folder: Path, record: Mapping[str, Any], cases: Sequence[Case], pictures: PictureFiles) -> None:
    """Write all files to a folder that `check_folder` lets pass.

    The pictures of an earlier explanation, perhaps of another radiograph, are deleted first. The record comes before
    the new ones, so that those of a killed process are known as ours. Raises `DataError` where `folder` cannot be
    written to.
    """
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    contents = {RECORD: text.encode(), **pictures.contents, PAGE: build_page(record, cases, pictures).encode()}
    try:
        for name in _earlier(folder / RECORD) or []:
            (folder / name).unlink(missing_ok=True)
        for name, content in contents.items():
            with whole(folder / name) as partial:
                partial.write_bytes(content)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to ({error.strerror}); name another folder with --out") from None


def _earlier(record: Path) -> list[str] | None:
    """Names of the pictures of an earlier explanation; None where the file is not there, or not ours."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        names = found["pictures"] if found.keys() >= OURS else [""]
        ours = all(name.endswith(".png") and Path(name).name == name for name in names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return names if ours else None
