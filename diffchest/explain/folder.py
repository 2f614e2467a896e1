"""The folder that the command writes: a page, a JSON file and pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diffchest.errors import DataError
from diffchest.explain.case import Case
from diffchest.explain.page import build_page
from diffchest.explain.pictures import GENERATED, ORIGINAL, PictureFiles
from diffchest.explain.radiograph import Radiograph
from diffchest.files.whole import whole
from diffchest.params.counterfactuals import ExplainParams, MoveParams, PictureParams

PAGE, RECORD = "index.html", "explanation.json"


def record_of(
    radiograph: Radiograph,
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
        "towards": settings.towards,
        "changed": pictures.base,
        "findings": [{**asdict(case), "pictures": files} for case, files in zip(cases, named, strict=True)],
        "pictures": list(pictures.contents),
        "sha256": dict(sha256),
        "settings": used,
    }


def write_folder(folder: Path, record: Mapping[str, Any], cases: Sequence[Case], pictures: PictureFiles) -> None:
    """Write all files; the pictures of an earlier explanation, perhaps of another radiograph, are deleted first.

    Raises `DataError` where `folder` cannot be written to.
    """
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    contents = {**pictures.contents, PAGE: build_page(record, cases, pictures).encode(), RECORD: text.encode()}
    try:
        for name in _earlier(folder / RECORD):
            (folder / name).unlink(missing_ok=True)
        for name, content in contents.items():
            with whole(folder / name) as partial:
                partial.write_bytes(content)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to ({error.strerror}); name another folder with --out") from None


def _earlier(record: Path) -> list[str]:
    """Names of the pictures of an earlier explanation; none where the file is not there, or not ours."""
    try:
        names = json.loads(record.read_text())["pictures"]
        return [name for name in names if name.endswith(".png") and Path(name).name == name]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
